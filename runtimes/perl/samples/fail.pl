use strict;
use warnings;

print "before\n";
$! = 0;  # die ends with errno when it is not 0
die "on purpose\n";
