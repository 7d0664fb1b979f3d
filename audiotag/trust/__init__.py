"""Can scores be trusted? Compare them with true labels, and with sounds that should get no tag.

In the order in which to read it:

- `labelled_scores`: scores of clips whose true labels are known, and where they come from;
- `intervals`: the interval of a proportion;
- `reliability`: how often the labels of a score are right, and how far that is from the score;
- `tag_quality`: precision and recall of each label at its threshold;
- `confusion`: which label is mistaken for which;
- `temperature`: one number that turns scores into probabilities;
- `noise_sounds` and `speech`: sounds for the noise gate, made here;
- `noise_gate`: how many false tags per hour an ensemble gives to them.

The noise gate is measured by `audiotag.tagging.noise_gate_measurement`, because that needs an ensemble.
"""
