for text in "$@"; do echo "${#text}"; done
