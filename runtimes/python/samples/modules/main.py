import sys

import greeting

for name in sys.argv[1:]:
    print(greeting.for_name(name))
