"""Find the labels that an ensemble doubts, so that people can review them."""
