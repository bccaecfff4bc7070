package plain

import (
	"context"
	"errors"

	"conclave/ceremony"
	"conclave/hsm/secret"
	"conclave/vaultstate/share"
)

// secret reads a PIN or a share.
func (s *session) secret(ctx context.Context, p ceremony.Prompt) (ceremony.Input, error) {
	if !s.in.tty && !s.opt.Piped && !s.c.Header().Practice {
		return ceremony.Input{}, errors.New("the input is no terminal, and secrets may not come from a pipe without -allow-piped-secrets")
	}
	text := p.Field
	if p.Kind == ceremony.AskShare {
		s.sayf("Share %d of %d.", p.Entry.Given+1, p.Entry.Needed)
		text = "Share"
	}
	if s.decrypts(p) {
		s.say(gpgHint(p.Sealed))
	}
	in := ceremony.Input{Source: "pipe"}
	if s.in.tty {
		in.Source = "typed"
		if p.Kind == ceremony.AskShare {
			in.Source = ceremony.TypedOrScanned
		}
		text += " (nothing is shown while you type)"
	}
	restore, err := s.in.hush()
	if err != nil {
		return in, err
	}
	defer restore()
	s.ask(text)
	in.Secret, err = s.raw()
	if err != nil {
		return in, err
	}
	if file, ok := gpgFile(in.Secret, p.Sealed); ok && s.decrypts(p) {
		in.Secret.Wipe()
		restore() // pinentry finds the terminal as it was
		return s.gpg(ctx, file)
	}
	if why := unfit(in.Secret); why != "" {
		in.Secret.Wipe()
		return ceremony.Input{}, &again{why}
	}
	if p.Kind == ceremony.AskShare {
		e := share.Scheme{Practice: s.c.Header().Practice}.Inspect(in.Secret.Expose(), p.Entry.Bytes)
		s.sayf("%d of %d characters were read.", e.Typed, e.Total)
	}
	return in, nil
}

// unfit says what is wrong with a secret line before the ceremony sees it: on a
// terminal, arrow keys arrive as control characters.
func unfit(b secret.Bytes) string {
	if b.Len() == 0 {
		return "Nothing was typed."
	}
	for _, c := range b.Expose() {
		if (c < 0x20 && c != '\t') || c == 0x7f {
			return "A key that is no character was pressed. What was typed is wiped: type all of it again."
		}
	}
	return ""
}
