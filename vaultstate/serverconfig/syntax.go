package serverconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/hcl/ast"
	hclparser "github.com/hashicorp/hcl/hcl/parser"
	hclstrconv "github.com/hashicorp/hcl/hcl/strconv"
	"github.com/hashicorp/hcl/hcl/token"
	jsonparser "github.com/hashicorp/hcl/json/parser"
)

// maxDepth bounds nesting: the parser calls itself for every level.
const maxDepth = 1000

// items parses text into the items of its top level. A text whose first
// character is "{" is JSON, as the servers have it.
func (c *Config) items(text []byte) (list []*ast.ObjectItem, err error) {
	if len(text) > maxSize {
		return nil, c.errorf(0, "the file is larger than a configuration can be")
	}
	if depth(text) > maxDepth {
		return nil, c.errorf(0, "the file is nested too deeply")
	}
	// The parser panics at some texts that are no configuration.
	defer func() {
		if recover() != nil {
			list, err = nil, c.errorf(0, "the file is neither HCL nor JSON")
		}
	}()
	var file *ast.File
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		if file, err = jsonparser.Parse(text); err != nil {
			return nil, c.errorf(jsonLine(text), "this is not JSON that the server can read")
		}
	} else if file, err = hclparser.ParseDontErrorOnDuplicateKeys(text); err != nil {
		line := 0
		var at *hclparser.PosError
		if errors.As(err, &at) {
			line = at.Pos.Line
		}
		// The parser's own words quote the file.
		return nil, c.errorf(line, "this is not HCL that the server can read: look for a missing quote, brace or =")
	}
	root, ok := file.Node.(*ast.ObjectList)
	if !ok {
		return nil, c.errorf(0, "the file holds no stanzas")
	}
	return root.Items, nil
}

func depth(text []byte) int {
	now, most := 0, 0
	for _, b := range text {
		switch b {
		case '{', '[':
			now++
			most = max(most, now)
		case '}', ']':
			now--
		}
	}
	return most
}

// jsonLine is the line in which text stops to be JSON.
func jsonLine(text []byte) int {
	var v json.RawMessage
	var at *json.SyntaxError
	if err := json.Unmarshal(text, &v); errors.As(err, &at) {
		end := min(int(at.Offset), len(text))
		return 1 + bytes.Count(text[:end], []byte("\n"))
	}
	return 0
}

// line is where an item stands. JSON has no positions for names, only for the
// colons after them.
func line(item *ast.ObjectItem) int {
	for _, k := range item.Keys {
		if k.Token.Pos.Line > 0 {
			return k.Token.Pos.Line
		}
	}
	return item.Assign.Line
}

// names are an item's keys, as text.
func names(item *ast.ObjectItem) ([]string, bool) {
	var list []string
	for _, k := range item.Keys {
		s := k.Token.Text
		if k.Token.Type == token.STRING {
			var err error
			if s, err = unquote(k.Token); err != nil {
				return nil, false
			}
		}
		list = append(list, s)
	}
	return list, len(list) > 0
}

func unquote(t token.Token) (string, error) {
	switch {
	case t.Text == "": // JSON's null
		return "", nil
	case t.JSON:
		return strconv.Unquote(t.Text) // as the servers have it: \/ is not known
	}
	return hclstrconv.Unquote(t.Text)
}

// field is one argument of a stanza. value is nil for what is not a literal.
type field struct {
	name  string
	line  int
	value *ast.LiteralType
}

// fields are the arguments of a stanza's body, blocks included. An argument
// that is there twice is refused: servers take the last of them.
func (c *Config) fields(node ast.Node) ([]field, error) {
	obj, ok := node.(*ast.ObjectType)
	if !ok {
		return nil, nil
	}
	var list []field
	seen := map[string]bool{}
	for _, item := range obj.List.Items {
		n, ok := names(item)
		if !ok {
			return nil, c.errorf(line(item), "a name is not text that the server can read")
		}
		f := field{name: n[0], line: line(item)}
		f.value, _ = item.Val.(*ast.LiteralType)
		if f.value != nil {
			if seen[f.name] {
				return nil, c.errorf(f.line, "%s is there twice in one stanza", printable(f.name))
			}
			seen[f.name] = true
		}
		list = append(list, f)
	}
	return list, nil
}

type literalKind int

const (
	kindString literalKind = iota
	kindNumber
	kindBool
)

var errLiteral = errors.New("not a text, a whole number or a flag")

// text is the value as the server turns it into text: a number in decimal, a
// flag as 1 or 0.
func (f field) text() (string, literalKind, error) {
	if f.value == nil {
		return "", 0, errLiteral
	}
	t := f.value.Token
	if t.Type == token.STRING {
		s, err := unquote(t)
		if err != nil {
			return "", 0, errLiteral
		}
		return s, kindString, nil
	}
	if t.Type == token.HEREDOC {
		return heredoc(t)
	}
	if t.Type == token.NUMBER {
		n, err := strconv.ParseInt(t.Text, 0, 64)
		if err != nil {
			return "", 0, errLiteral
		}
		return strconv.FormatInt(n, 10), kindNumber, nil
	}
	if t.Type == token.BOOL {
		if t.Text == "true" {
			return "1", kindBool, nil
		}
		return "0", kindBool, nil
	}
	return "", 0, errLiteral
}

// heredoc is the text of a here-document. The library panics at some.
func heredoc(t token.Token) (s string, kind literalKind, err error) {
	defer func() {
		if recover() != nil {
			s, err = "", errLiteral
		}
	}()
	s, ok := t.Value().(string)
	if !ok {
		return "", 0, errLiteral
	}
	return s, kindString, nil
}

// canonical tells whether a number is written as the server will spell it:
// 0123 and 0x7B are not, the server makes 83 and 123 of them.
func (f field) canonical() bool {
	s, kind, err := f.text()
	return err == nil && (kind != kindNumber || s == f.value.Token.Text)
}

// flag is a value that the server reads as yes or no.
func (f field) flag() (bool, error) {
	s, kind, err := f.text()
	switch {
	case err != nil:
		return false, err
	case kind == kindNumber:
		return s != "0", nil
	case s == "":
		return false, nil
	}
	b, err := strconv.ParseBool(s)
	if err != nil {
		return false, errLiteral
	}
	return b, nil
}

// printable keeps a name out of a message if it does not look like one: what
// is not a name may be a value, after a slip.
func printable(name string) string {
	if name == "" || len(name) > 40 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
		return "an argument"
	}
	return strconv.Quote(name)
}
