package ceremony

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"conclave/ceremony/transcript"
)

// How people were identified: "checked by" a name, and nothing else. A number of
// a document is personal data that a record of this kind need not have, and it
// can never be taken out again: digits are refused here.

func identityFields() []Field {
	return []Field{{ID: "checked by", Label: "checked by"}, {ID: "others", Label: "but for"}, {ID: "others by", Label: "who by"}}
}

// askIdentity asks who compared the faces of these people with a document, or
// knows them: one answer for all, and one for those who differ.
func (r *Run) askIdentity(people []Person, done func()) *page {
	who := r.person(Operator)
	return &page{
		Prompt: Prompt{Kind: Form, By: who, Heading: who.Name + ": who checked that these people are who they say?",
			Fields: r.aside.typed.over(identityFields()),
			Text: []string{"One name for all. Whoever was checked by another, like the one who checks, stands under \"but for\": first names, with commas. " +
				"An empty line is recorded as not stated. No numbers of documents."},
			Facts: []Fact{{"here", list(names(people))}}, Recorded: "checked by whom, for each person. No number of a document."},
		do: func(_ context.Context, in Input) error {
			lines, err := r.linesOf(identityFields(), in)
			if err != nil {
				return err
			}
			for _, text := range in.Fields {
				if strings.ContainsFunc(text, unicode.IsDigit) {
					r.aside.typed = nil
					return askAgain("There is a number in this. A number of a document must not be in the record.", "Nothing was recorded.", "Type names only.")
				}
			}
			others, unknown := named(people, lines[1])
			switch {
			case unknown != "":
				return askAgainAt("others", fmt.Sprintf("%s names nobody who is listed, or more than one.", unknown), "Nothing was recorded.", "Type first names, or whole names, with commas between.")
			case (len(others) > 0) != (lines[2] != ""):
				return askAgainAt("others by", "The second and the third line belong together.", "Nothing was recorded.", "Type both, or leave both empty.")
			}
			r.aside.typed = nil
			if err := r.recordIdentity(people, others, lines[0], lines[2]); err != nil {
				return err
			}
			done()
			return nil
		},
	}
}

// recordIdentity writes one event for each who checked. Nobody checks
// themselves.
func (r *Run) recordIdentity(people, others []Person, by, othersBy string) error {
	var order []string
	checked := map[string][]string{}
	for _, who := range people {
		name := by
		if slices.Contains(others, who) {
			name = othersBy
		}
		if name == "" || isNamed(who, name) {
			name = notStated
		}
		if checked[name] == nil {
			order = append(order, name)
		}
		checked[name] = append(checked[name], who.Name)
	}
	for _, name := range order {
		if err := r.record("identity", Operator, r.person(Operator).Name, transcript.Facts{"checked_by": name, "names": checked[name]}); err != nil {
			return err
		}
	}
	return nil
}

// named finds people by their first or whole names, with commas between.
func named(people []Person, text string) (found []Person, unknown string) {
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		var fit []Person
		for _, who := range people {
			if isNamed(who, part) {
				fit = append(fit, who)
			}
		}
		if len(fit) != 1 {
			return nil, part
		}
		found = append(found, fit[0])
	}
	return found, ""
}

func isNamed(who Person, name string) bool {
	return strings.EqualFold(who.Name, name) || strings.EqualFold(called(who.Name), name)
}

func names(people []Person) []string {
	var list []string
	for _, who := range people {
		list = append(list, who.Name)
	}
	return list
}
