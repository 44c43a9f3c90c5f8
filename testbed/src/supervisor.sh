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

# Whether a process is still this shell's child. A shell may reap a child that ended by itself at any time, and its id
# may then be a stranger's, who must not be killed. Without /proc there is nothing to ask and the id is believed.
mine() {
  [ -d /proc/self ] || return 0
  while read -r field value; do
    if [ "$field" = PPid: ]; then
      [ "$value" = $$ ]
      return
    fi
  done <"/proc/$1/status"
  return 1
}

while read -r request subject signal; do
  case $request in
    start)
      sh "$root/$subject/run" </dev/null >>"$root/$subject/log" 2>&1 &
      running="$running $!"
      echo "$!"
      ;;
    signal)
      if mine "$subject" && kill -s "$signal" "$subject"; then echo ok; else echo gone; fi
      ;;
    end)
      mine "$subject" && kill -s KILL "$subject"
      wait "$subject"
      left=
      for pid in $running; do
        [ "$pid" = "$subject" ] || left="$left $pid"
      done
      running=$left
      echo ok
      ;;
  esac
done

for pid in $running; do mine "$pid" && kill -s KILL "$pid"; done
wait
[ -n "$FEDD_TESTBED_KEEP" ] || rm -rf "$root"
