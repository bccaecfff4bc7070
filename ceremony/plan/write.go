package plan

import (
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// Draft is a plan that is being written.
type Draft struct {
	file *hclwrite.File
	body *hclwrite.Body
}

// NewDraft begins a plan of a kind of ceremony.
func NewDraft(kind string) *Draft {
	f := hclwrite.NewEmptyFile()
	return &Draft{f, f.Body().AppendNewBlock("ceremony", []string{kind}).Body()}
}

// Set writes an argument, where there is a text for it.
func (d *Draft) Set(name, text string) { set(d.body, name, text) }

// True writes an argument that is true.
func (d *Draft) True(name string) { d.body.SetAttributeValue(name, cty.True) }

// Block writes a block with its arguments, name and text in turn. A block of no
// label and no argument is left out.
func (d *Draft) Block(kind, label string, pairs ...string) {
	if label == "" && strings.Join(texts(pairs), "") == "" {
		return
	}
	var labels []string
	if label != "" {
		labels = []string{label}
	}
	b := d.body.AppendNewBlock(kind, labels).Body()
	for i := 0; i+1 < len(pairs); i += 2 {
		set(b, pairs[i], pairs[i+1])
	}
}

func texts(pairs []string) []string {
	var out []string
	for i := 1; i < len(pairs); i += 2 {
		out = append(out, pairs[i])
	}
	return out
}

func set(b *hclwrite.Body, name, text string) {
	switch {
	case text == "":
	case numberForm.MatchString(text):
		b.SetAttributeRaw(name, hclwrite.TokensForIdentifier(text))
	default:
		b.SetAttributeValue(name, cty.StringVal(text))
	}
}

// Bytes is the plan's file.
func (d *Draft) Bytes() []byte { return append(hclwrite.Format(d.file.Bytes()), 0x0a) }
