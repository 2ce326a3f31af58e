"""`python -m simulated`: thousands of histories."""

import sys

from simulated.many import main

if __name__ == "__main__":
    sys.exit(main())
