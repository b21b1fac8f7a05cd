"""`python -m demo`: the whole election through the service, as `demo.service` describes it."""

import sys

from demo.service import main

if __name__ == "__main__":
    sys.exit(main())
