# A signal that comes to joulecast goes to the command, once, wherever that has moved to; the exit
# status is what the command makes of it.
cat >command.sh <<'EOF'
for signal in INT TERM HUP QUIT USR1 USR2; do
  trap "echo $signal" $signal
done
trap 'echo TERM; exit 12' TERM
echo ready
while :; do sleep 0.02; done
EOF
for start in "" "setsid -w"; do
  : >out.txt
  # A shell starts what stands behind & with SIGINT and SIGQUIT ignored, and these stay so.
  env --default-signal=INT,QUIT joulecast measure -q --tdp-w 20 --idle-w 2 -r runs.jsonl -b 1 -- sh command.sh >out.txt &
  joulecast=$!
  until grep -q ready out.txt || ! kill -0 $joulecast; do sleep 0.02; done
  for signal in INT HUP QUIT USR1 USR2 TERM; do
    kill -$signal $joulecast
    until grep -q $signal out.txt || ! kill -0 $joulecast 2>/dev/null; do sleep 0.02; done
  done
  wait $joulecast
  echo "exit $?"
  tr '\n' ' ' <out.txt
  echo
done
grep -c joulecast.run/1 runs.jsonl
# One that the command sends to its group, joulecast in it, is not given back to it: joulecast, which
# is stopped meanwhile, finds it when the command has dealt with it. In a session of its own: the group
# would be that of the test.
cat >group.sh <<'EOF'
trap 'echo TERM' TERM
kill -STOP $PPID
kill -TERM 0
sleep 0.1
kill -CONT $PPID
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.05; done
exit 4
EOF
setsid -w joulecast measure -q --tdp-w 20 --idle-w 2 -- sh group.sh
echo "exit $?"
