package transcript

import (
	_ "embed"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

//go:embed verify.py
var verifier string

// Verifier is a program in Python that checks a transcript as this package does
// and shares nothing with it but the table of Kinds (TestSecondVerifier).
func Verifier() string {
	var b strings.Builder
	before := "{"
	for _, name := range slices.Sorted(maps.Keys(Kinds)) {
		facts := [][4]any{}
		for _, f := range Kinds[name].Facts {
			facts = append(facts, [4]any{f.Name, f.Type, f.Required, f.OneOf})
		}
		row, err := json.Marshal(facts)
		if err != nil {
			panic("transcript: the table of kinds cannot be written") // names and types only
		}
		b.WriteString(before + `"` + name + `": ` + string(row))
		before = ",\n"
	}
	return strings.Replace(verifier, "@KINDS@", b.String()+"}", 1)
}
