package command_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"conclave/assets"
	"conclave/ceremony"
	"conclave/ui/command"
)

// surrounding are the steps of every ceremony, which one page has for all.
var surrounding = []string{"Briefing", "People", "Machine", "The room", "Plan", "Vault", "Server", "HSM", "Witness' key", "Checks", "Old state", "Sign-off", "Close"}

// TestGuideSteps holds the manual to the script: a ceremony's page names its own
// steps, in the order of the day, and the page of all names the others.
func TestGuideSteps(t *testing.T) {
	named := func(page, heading string) []string {
		_, part, _ := strings.Cut(assets.Guide(page), "\n## "+heading+"\n")
		part, _, _ = strings.Cut(part, "\n## ")
		var found []string
		for _, m := range regexp.MustCompile(`\*\*([^*]+)\*\*`).FindAllStringSubmatch(part, -1) {
			found = append(found, m[1])
		}
		return found
	}
	if found := named("ceremony", "On the day"); len(common(found)) != len(surrounding) {
		t.Errorf("the page of all names %q, want %q", common(found), surrounding)
	}
	for _, c := range ceremony.All {
		page := assets.Guide(c.ID)
		for _, h := range []string{"Before the day", "On the day", "After", "See also"} {
			if !strings.Contains(page, "\n## "+h+"\n") {
				t.Errorf("%s has no part %q", c.ID, h)
			}
		}
		found := named(c.ID, "On the day")
		for _, s := range c.Steps {
			if slices.Contains(surrounding, s.Title) || s.Title == "Revoke" && c.ID != "revoke-root" { // the last is a server's
				continue
			}
			at := slices.Index(found, s.Title)
			if at < 0 {
				t.Errorf("%s: the step %s is not in %q, or not in its place", c.ID, s.Title, found)
				continue
			}
			if !slices.Contains(titlesAfter(c, s.ID), s.Title) { // Root token comes twice in an init
				found = found[at+1:]
			}
		}
	}
}

func common(found []string) []string {
	return slices.DeleteFunc(slices.Clone(found), func(s string) bool { return !slices.Contains(surrounding, s) })
}

// titlesAfter are the titles of the steps that follow one.
func titlesAfter(c ceremony.Ceremony, id string) []string {
	var titles []string
	at := slices.IndexFunc(c.Steps, func(s ceremony.Step) bool { return s.ID == id })
	for _, s := range c.Steps[at+1:] {
		titles = append(titles, s.Title)
	}
	return titles
}

// TestGuideRefers follows every reference: pages, commands and flags that the
// manual names are there.
func TestGuideRefers(t *testing.T) {
	commands, flags := command.Everything(), map[string]bool{}
	for _, own := range commands {
		maps.Copy(flags, own)
	}
	for _, other := range []string{"-h", "-self", "-verify", "-header", "-hsm-", "-new-hsm-", "-old-hsm-"} { // servers' own, and beginnings of ours
		flags[other] = true
	}
	if len(flags) < 50 || len(commands) < 20 {
		t.Fatalf("%d flags, %d commands", len(flags), len(commands))
	}
	for _, name := range assets.Guides() {
		page := assets.Guide(name)
		if !regexp.MustCompile(`^# ` + name + `\([157]\): .+\n\n`).MatchString(page) {
			t.Errorf("%s begins with %.60q", name, page)
		}
		for line := range strings.Lines(page) {
			if strings.Contains(line, "\t") || len([]rune(line)) > 106 && !strings.HasPrefix(strings.TrimSpace(line), "jq ") {
				t.Errorf("%s: a tab, or %d columns: %s", name, len(line), line)
			}
		}
		for _, m := range regexp.MustCompile(`([a-z-]+)\([157]\)`).FindAllStringSubmatch(page, -1) {
			if assets.Guide(m[1]) == "" {
				t.Errorf("%s refers to %s, which is no page", name, m[0])
			}
		}
		for _, m := range regexp.MustCompile("conclave ([a-z][a-z-]*)( [a-z][a-z-]*)?").FindAllStringSubmatch(page, -1) {
			if commands[m[1]] == nil && m[1] != "completion" {
				t.Errorf("%s: there is no command %q", name, m[1])
			}
		}
		for _, line := range regexp.MustCompile("(?m)^ +conclave ([a-z].*)$").FindAllStringSubmatch(strings.ReplaceAll(page, "\\\n", ""), -1) {
			typed, _, _ := strings.Cut(line[1], " #")
			words := strings.Fields(typed)
			path := words[0]
			if len(words) > 1 && commands[path+" "+words[1]] != nil {
				path += " " + words[1]
			}
			for _, w := range words {
				if flag, _, _ := strings.Cut(w, "="); strings.HasPrefix(flag, "-") && !commands[path][flag] {
					t.Errorf("%s: %s has no flag %s", name, path, flag)
				}
			}
		}
		for _, m := range regexp.MustCompile("(?m)(?:^|[ `\\[])(-[a-z][a-z-]+)").FindAllStringSubmatch(ours(page), -1) {
			if !flags[m[1]] {
				t.Errorf("%s: there is no flag %s", name, m[1])
			}
		}
	}
}

// ours leaves out the commands of others.
func ours(page string) string {
	var b strings.Builder
	for line := range strings.Lines(page) {
		if t := strings.TrimSpace(line); !slices.ContainsFunc([]string{"sha256sum", "tail ", "jq ", "while ", "[ ", "done ", "p=", "ssh-keygen", "-s ", "gpg ", "minisign", "BAO_"}, func(s string) bool { return strings.HasPrefix(t, s) }) {
			b.WriteString(line)
		}
	}
	return b.String()
}
