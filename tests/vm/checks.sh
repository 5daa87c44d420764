#!/bin/bash
# What the scripts that check something in the guest share. Each check prints "ok NAME" or "FAIL NAME: why".

failed=0

check() { # NAME COMMAND...
    local name=$1 why
    shift
    if why=$("$@" 2>&1); then
        echo "ok $name"
    else
        echo "FAIL $name: ${why//$'\n'/ | }"
        # shellcheck disable=SC2034  # the scripts that source this end with it
        failed=1
    fi
}

want() { # WHAT IS WANTED
    [[ $2 == "$3" ]] || { echo "$1 is '$2', not '$3'"; return 1; }
}

wait_until() { # SECONDS COMMAND...
    local tries=$(($1 * 5))
    shift
    until "$@"; do
        ((--tries > 0)) || { echo "waited in vain for: $*"; return 1; }
        sleep 0.2
    done
}

cell_processes() {
    ps -eo uid=,pid=,stat=,comm= | awk '$1 >= 1879048192 && $1 <= 2147483647 && $3 !~ /Z/'
}

no_cell_process() { [[ -z $(cell_processes) ]]; }
cell_sleeps() { cell_processes | grep -q sleep; }
