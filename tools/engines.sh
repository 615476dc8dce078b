#!/bin/sh
# Prints the options for the engines that this machine can show side by side: the native one needs nothing.
if command -v keepalived >/dev/null 2>&1; then
    echo --engine native --engine keepalived
else
    echo "keepalived is not installed, so the native engine is shown alone" >&2
    echo --engine native
fi
