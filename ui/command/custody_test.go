package command_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"regexp"

	"github.com/rogpeppe/go-internal/testscript"
)

func init() { commands["forge"] = forge }

var prevOf = regexp.MustCompile(`"prev":"[0-9a-f]{64}"`)

// forge FILE OLD NEW: what somebody does who knows the format: a change, and
// the hashes of all lines computed anew.
func forge(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	if !bytes.Contains([]byte(text), []byte(args[1])) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	prev := fmt.Sprintf("%064d", 0)
	var out []byte
	for line := range bytes.Lines(bytes.Replace([]byte(text), []byte(args[1]), []byte(args[2]), 1)) {
		line = prevOf.ReplaceAll(line, []byte(`"prev":"`+prev+`"`))
		prev = fmt.Sprintf("%x", sha256.Sum256(line))
		out = append(out, line...)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), out, 0o600))
}
