"""``python -m audiotag`` is the ``audiotag`` command."""

from audiotag.cli.main import main

if __name__ == "__main__":
    main()
