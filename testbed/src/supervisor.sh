# Runs the processes of one testbed and ends them when the owner is gone.
#
# Standard input is a pipe whose other end only the owner holds, so the loop below ends when the owner
# closes it or dies in any way, SIGKILL included. Each request is one line and has one line as its answer:
#   start NAME        runs $root/NAME/run, answers with its process id
#   signal PID NAME   sends a signal, answers with "ok" or "gone"
#   end PID           kills and reaps, answers with "ok"

# A signal to this shell must not leave its children behind; a closed answer pipe must not either.
trap '' HUP INT QUIT TERM PIPE
umask 077

root=$(mktemp -d "${TMPDIR:-/tmp}/fedd-testbed.XXXXXX") || exit 1
running=
echo "$root"

while read -r request subject signal; do
  case $request in
    start)
      sh "$root/$subject/run" </dev/null >>"$root/$subject/log" 2>&1 &
      running="$running $!"
      echo "$!"
      ;;
    signal)
      if kill -s "$signal" "$subject"; then echo ok; else echo gone; fi
      ;;
    end)
      kill -s KILL "$subject"
      wait "$subject"
      # A reaped process id may be given to a stranger, so it is forgotten here.
      left=
      for pid in $running; do
        [ "$pid" = "$subject" ] || left="$left $pid"
      done
      running=$left
      echo ok
      ;;
  esac
done

for pid in $running; do kill -s KILL "$pid"; done
wait
[ -n "$FEDD_TESTBED_KEEP" ] || rm -rf "$root"
