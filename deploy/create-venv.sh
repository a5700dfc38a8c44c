#!/bin/sh
# Create the virtual environment named by the one argument with the first Python on PATH that is new enough.
set -eu

can_create() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

for place in "$(dirname "$1")" "$1"; do
    if [ -e "$place" ] && [ ! -w "$place" ]; then
        echo "$place cannot be written to by $(id -un); make installs into $1." >&2
        exit 1
    fi
done

for python in python3 python3.14 python3.13 python3.12 python3.11 python; do
    if can_create "$python"; then
        echo "Creating $1 with $("$python" --version) ..."
        "$python" -m venv "$1" && exit 0
        rm -rf "$1"
        echo "$python cannot create virtual environments; on Debian and Ubuntu install python3-venv." >&2
        exit 1
    fi
done

echo "Python 3.11 or newer is needed and none is on PATH. Install it, then run make again." >&2
exit 1
