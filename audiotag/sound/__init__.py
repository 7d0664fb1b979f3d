"""From files to log-mel pictures: the one front-end of playground, training and tagging."""
