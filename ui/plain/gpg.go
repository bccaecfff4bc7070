package plain

import (
	"bytes"
	"context"
	"os"

	"conclave/ceremony"
	"conclave/hsm/secret"
	"conclave/ui/gpg"
)

// decrypts tells whether gpg is offered for what is asked.
func (s *session) decrypts(p ceremony.Prompt) bool { return p.Sealed != nil && s.opt.Decrypt != nil }

// gpgHint says how gpg is run.
func gpgHint(sealed *ceremony.Sealed) string {
	if sealed.File == "" {
		return "A line with gpg and the file that is encrypted to you has gpg decrypt it here."
	}
	return "A line that is only gpg has gpg decrypt the file here; with another file's name, that one."
}

// gpgFile reads "gpg" or "gpg FILE" in place of a secret: neither a code nor a
// share begins so.
func gpgFile(line secret.Bytes, sealed *ceremony.Sealed) (file string, ok bool) {
	rest, ok := bytes.CutPrefix(bytes.TrimSpace(line.Expose()), []byte("gpg"))
	switch {
	case !ok || sealed == nil:
		return "", false
	case len(rest) == 0:
		return sealed.File, sealed.File != ""
	case rest[0] != ' ':
		return "", false
	}
	file = string(bytes.TrimSpace(rest)) // the name of a file, no secret
	return file, true
}

// gpg runs it. A signal meanwhile ends gpg, and stops the ceremony as elsewhere.
func (s *session) gpg(ctx context.Context, file string) (ceremony.Input, error) {
	if ceremony.SecretShape(file) {
		return ceremony.Input{}, &again{"This looks like a share or a key, not like a file. It was dropped."}
	}
	s.sayf("gpg decrypts %s. It asks for what it needs.", file)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		text secret.Bytes
		tool gpg.Tool
		err  error
	}
	back := make(chan result, 1)
	go func() {
		text, tool, err := s.opt.Decrypt(ctx, file)
		back <- result{text, tool, err}
	}()
	var sig os.Signal
	for {
		select {
		case r := <-back:
			switch {
			case sig != nil:
				r.text.Wipe()
				return ceremony.Input{}, signalled{sig}
			case r.err != nil:
				p := gpg.Problem(r.err)
				return ceremony.Input{}, &again{p.Happened + " " + p.State + " " + p.Do}
			}
			return ceremony.Input{Secret: r.text, Source: "gpg", Program: r.tool.Path, ProgramSHA256: r.tool.SHA256}, nil
		case sig = <-s.opt.Signals:
			cancel()
		}
	}
}
