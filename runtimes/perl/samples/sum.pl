use strict;
use warnings;
use List::Util qw(sum0);

my @numbers = map { split } <STDIN>;
print $ARGV[0] * sum0(@numbers), "\n";
