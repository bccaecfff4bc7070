package ui

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"conclave/assets/clean"
	"conclave/hsm"
	"conclave/vaultstate"
	"conclave/vaultstate/serverconfig"
)

// sentinels are the names of the exported error variables of a package,
// read from its source: a new one without its sentences is found.
func sentinels(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no source in %s: %v", dir, err)
	}
	var names []string
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				for _, n := range s.(*ast.ValueSpec).Names {
					if strings.HasPrefix(n.Name, "Err") {
						names = append(names, n.Name)
					}
				}
			}
		}
	}
	return names
}

func TestExplainEverySentinel(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "explain.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			known[fmt.Sprint(s.X)+"."+s.Sel.Name] = true
		}
		return true
	})
	for _, dir := range []string{"../hsm", "../hsm/softhsm", "../vaultstate", "../ceremony", "../ceremony/folder", "../ceremony/custodian", "../ceremony/transcript"} {
		pkg := filepath.Base(dir)
		names := sentinels(t, dir)
		if len(names) == 0 {
			t.Errorf("no sentinels found in %s", dir)
		}
		for _, n := range names {
			if !known[pkg+"."+n] {
				t.Errorf("%s.%s has no sentences", pkg, n)
			}
		}
	}
	for _, e := range explained {
		p := Explain(fmt.Errorf("doing something: %w", e.err))
		if p.Happened != e.happened {
			t.Errorf("%v: explained as %q", e.err, p.Happened)
		}
		for _, s := range []string{p.Happened, p.Do} {
			if !strings.HasSuffix(s, ".") || s == "." {
				t.Errorf("%v: %q is no sentence", e.err, s)
			}
		}
		if p.State != "" && !strings.HasSuffix(p.State, ".") {
			t.Errorf("%v: %q is no sentence", e.err, p.State)
		}
		if !strings.Contains(p.Code, e.err.Error()) {
			t.Errorf("%v: its own text is lost: %q", e.err, p.Code)
		}
	}
}

func TestExplainOthers(t *testing.T) {
	q := Explain(fmt.Errorf("submitting: %w", &vaultstate.QuorumError{Given: 3, Needed: 3}))
	if q.Happened != "The shares do not make the recovery key." {
		t.Errorf("a wrong quorum: %+v", q)
	}
	many := Explain(&vaultstate.QuorumError{Given: 30, Needed: 15, Err: vaultstate.ErrTooManySubsets})
	if !strings.HasPrefix(many.Happened, "There are too many") {
		t.Errorf("too many subsets: %+v", many)
	}
	pin := Explain(fmt.Errorf("logging in: %w", &hsm.Error{Call: "C_Login", Code: 0xa0,
		Sentence: `Token "payments", serial 17: Wrong PIN. Each wrong try counts.`}))
	if pin.Happened != `Token "payments", serial 17: Wrong PIN.` || pin.Do != "Each wrong try counts." || pin.Code != "C_Login, CKR_PIN_INCORRECT, 0xA0" {
		t.Errorf("a wrong PIN: %+v", pin)
	}
	cfg := Explain(&serverconfig.Error{File: "bao.hcl", Line: 7, Reason: "no such seal"})
	if cfg.Code != "bao.hcl:7: no such seal" || cfg.State != untouched {
		t.Errorf("a configuration: %+v", cfg)
	}
	p := Explain(errors.New("lp0 on fire"))
	if p.Code != "lp0 on fire" || p.Happened == "" || p.Do == "" {
		t.Errorf("an unknown error: %+v", p)
	}
}

// TestCauseIsKept: the innermost error stands last, behind names of files that
// may be long.
func TestCauseIsKept(t *testing.T) {
	err := fmt.Errorf("take the new shares: writing %s: %w", strings.Repeat("/a long directory", 20), syscall.ENOSPC)
	code := Explain(err).Code
	if !strings.HasPrefix(code, "take the new shares: ") || !strings.HasSuffix(code, syscall.ENOSPC.Error()) || utf8.RuneCountInString(code) > clean.Max {
		t.Errorf("for support: %q", code)
	}
}
