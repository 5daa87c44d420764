sum=0
while read -r -a words; do
  for word in "${words[@]}"; do ((sum += word)); done
done
echo $(($1 * sum))
