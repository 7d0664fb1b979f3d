"""The Spectrogram page: widgets that build the settings (`settings_form`), the crop (`crops`), and its tabs."""
