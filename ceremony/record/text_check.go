package record

import (
	"fmt"
	"strings"

	"conclave/ceremony/transcript"
)

func (p *Page) headRows(out *document) {
	out.title("Head: compare it with the paper")
	h, err := transcript.ParseHead(p.Head)
	if err != nil || p.Events == 0 {
		out.row("", "none: there is no event")
		return
	}
	out.row("events", fmt.Sprint(p.Events))
	out.row("SHA-256", p.Head)
	for _, r := range h.Rows() {
		out.row("", headRow(r))
	}
}

// ChainScript checks a transcript's chain with nothing but a shell.
const ChainScript = `p=$(printf %064d 0); n=0
while IFS= read -r l; do n=$((n+1))
  case $l in *"\"prev\":\"$p\",\"salt\""*) ;;
  *) echo "broken: line $n"; exit 4;; esac
  p=$(printf '%s\n' "$l" | sha256sum | cut -c1-64)
done < transcript.jsonl
echo "$n lines, head $p"`

func howToCheck(out *document, practice bool) {
	out.title("How to check without us")
	file := "transcript.jsonl"
	if practice {
		file = "PRACTICE-transcript.jsonl"
	}
	out.note("The head is the hash of the last line:")
	out.code("tail -n1 " + file + " | sha256sum")
	out.note("Compare it with what the witnesses wrote on paper. The other files:")
	out.code("sha256sum -c " + strings.Replace(file, "transcript.jsonl", "sha256sums", 1))
	out.note("Each line holds the hash of the line before. A shell follows the chain:")
	out.code(strings.ReplaceAll(ChainScript, "transcript.jsonl", file))
}
