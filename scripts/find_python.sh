#!/bin/sh
# Print the path of a Python that can make the virtual environment, or say what to install.
#
#   scripts/find_python.sh              look for one
#   scripts/find_python.sh CANDIDATE    check this one only
#
# Each candidate is really run: a python3.12 on the PATH may be a shim whose version is not
# installed, and a distribution may ship Python without venv. Exit codes decide.

probe='
import sys
if sys.version_info < (3, 12):
    sys.exit(1)
import ensurepip, venv
print("%d %s" % (sys.version_info[1], sys.executable))
'

# Prints "MINOR PATH" for a Python that will do.
try() {
    "$1" -c "$probe" 2>/dev/null </dev/null
}

if [ $# -gt 0 ]; then
    if found=$(try "$1"); then
        printf '%s\n' "${found#* }"
        exit 0
    fi
    echo "qqt_bayes: '$1' is not a working Python 3.12 or newer with venv and ensurepip." >&2
    exit 1
fi

for name in python3.14 python3.13 python3.12 python3; do
    if found=$(try "$name"); then
        printf '%s\n' "${found#* }"
        exit 0
    fi
done

found=$(
    for path in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/python; do
        if [ -x "$path" ]; then try "$path"; fi
    done | sort -rn | head -n 1
)
if [ -n "$found" ]; then
    printf '%s\n' "${found#* }"
    exit 0
fi

cat >&2 <<'MESSAGE'
qqt_bayes needs Python 3.12 or newer with venv, and found none. Install one, for example
    Debian, Ubuntu   apt install python3 python3-venv
    Fedora           dnf install python3
    macOS            brew install python@3.13
    anywhere         pyenv install 3.13
or name one that you have:  make PYTHON=/path/to/python3.13
MESSAGE
exit 1
