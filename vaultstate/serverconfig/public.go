package serverconfig

import (
	"bytes"
	"strings"

	"github.com/hashicorp/hcl/hcl/ast"
	"github.com/hashicorp/hcl/hcl/token"

	"conclave/hsm/secret"
)

// blanked stands where a secret stood, whatever its length.
const blanked = `"(blanked)"`

// secretWords are in the names of arguments whose values are secret, in whatever
// stanza. token_label is none of them.
var secretWords = []string{"pin", "token", "password", "passphrase", "secret"}

// Public is a configuration as a record may keep it: text with a blank in place
// of every PIN, and of what else is secret by its name. It is false where that
// cannot be done for sure: text that cannot be read, and a secret that stands in
// it a second time, in a comment perhaps.
func Public(text []byte) (public []byte, ok bool) {
	secret.Do(func() { public, ok = blank(text) })
	return public, ok
}

func blank(text []byte) ([]byte, bool) {
	c := &Config{}
	items, err := c.items(text)
	if err != nil {
		return nil, false
	}
	out, ok := bytes.Clone(text), true
	for _, item := range items {
		ast.Walk(item, func(n ast.Node) (ast.Node, bool) {
			if arg, is := n.(*ast.ObjectItem); is && isSecret(arg) {
				ok = ok && blankOne(&out, arg.Val)
			}
			return n, true
		})
	}
	if !ok {
		clear(out)
		return nil, false
	}
	return out, true
}

// isSecret judges by the last of an item's names: of a block that is its label.
func isSecret(item *ast.ObjectItem) bool {
	n, ok := names(item)
	if !ok {
		return true
	}
	name := strings.ToLower(n[len(n)-1])
	if _, block := item.Val.(*ast.ObjectType); block || name == "token_label" {
		return false
	}
	for _, w := range secretWords {
		if name == w || strings.HasSuffix(name, "_"+w) || strings.HasPrefix(name, w+"_") {
			return true
		}
	}
	return false
}

// blankOne blanks a literal, which has to stand in the text once: JSON's parser
// says no positions. Nor may what it means stand there.
func blankOne(out *[]byte, value ast.Node) bool {
	l, ok := value.(*ast.LiteralType)
	if !ok {
		return false
	}
	s, _, err := field{value: l}.text()
	if err != nil {
		return false
	}
	if l.Token.Type == token.BOOL || s == "" {
		return true // nobody keeps a secret in it
	}
	at := []byte(l.Token.Text)
	if bytes.Count(*out, at) != 1 {
		return false
	}
	end := blanked
	if l.Token.Type == token.HEREDOC {
		end += "\n"
	}
	before := *out
	*out = bytes.Replace(before, at, []byte(end), 1)
	clear(before)
	if _, after, reference := strings.Cut(s, "://"); reference {
		s = after
	}
	return !bytes.Contains(*out, []byte(strings.TrimSpace(s)))
}
