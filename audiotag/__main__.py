"""``python -m audiotag`` is the ``audiotag`` command."""

from audiotag.cli import main

if __name__ == "__main__":
    main()
