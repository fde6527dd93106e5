#!/bin/sh
# Before a precompiled header is made again, the one that is there goes: pch_launcher.sh LAUNCHER COMPILER ARGUMENT...
# ccache preprocesses with the old one in place, sees its name instead of the headers in it, and then takes any header that
# was ever made from the same old one for this one.
next=
for argument; do
  case $next$argument in -o*.gch) rm -f "$argument" ;; esac
  next=
  [ "$argument" != -o ] || next=-o
done
exec "$@"
