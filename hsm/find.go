package hsm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"conclave/hsm/worker"
)

// Tokens lists the tokens that a library shows, without a login.
func Tokens(ctx context.Context, lib string, env []string) ([]Info, error) {
	t := &Token{cfg: Config{Lib: lib, Env: env, Timeout: defaultTimeout}, link: &link{}}
	defer func() { _ = t.Close() }()
	w, err := t.worker(ctx)
	if err != nil {
		return nil, err
	}
	return t.list(ctx, w)
}

// list reads every initialised token.
func (t *Token) list(ctx context.Context, w *worker.Client) ([]Info, error) {
	limit := t.cfg.Timeout
	slots, err := w.Slots(ctx, limit)
	if err != nil {
		return nil, t.explain(err, limit)
	}
	path, sum, err := fileOf(t.lib.Path)
	if err != nil {
		return nil, err
	}
	var all []Info
	var silent error // a slot that does not answer is no reason to miss the others
	for _, slot := range slots {
		ti, err := w.Token(ctx, limit, slot)
		var f *worker.Fault
		if errors.As(err, &f) {
			silent = err
			continue
		}
		if err != nil {
			return nil, t.explain(err, limit)
		}
		if ti.Flags&worker.FlagTokenReady == 0 {
			continue
		}
		all = append(all, Info{
			Library: path, LibrarySHA256: sum, LibraryInfo: strings.TrimSpace(t.lib.Description + " " + t.lib.Version),
			Label: ti.Label, Manufacturer: ti.Manufacturer, Model: ti.Model, Serial: ti.Serial, Firmware: ti.Firmware,
			Slot: slot, PIN: pinState(ti.Flags), MinPIN: int(ti.MinPIN), MaxPIN: int(ti.MaxPIN),
			ProtectedPath: ti.Flags&worker.FlagProtectedPath != 0, Software: software(ti), Clock: clock(ti),
		})
	}
	if all == nil && silent != nil {
		return nil, t.explain(silent, limit)
	}
	return all, nil
}

// find returns the one token that fits the configuration.
func (t *Token) find(ctx context.Context, w *worker.Client) (Info, error) {
	all, err := t.list(ctx, w)
	if err != nil {
		return Info{}, err
	}
	var fits []Info
	for _, i := range all {
		c := t.cfg
		if (c.TokenLabel == "" || c.TokenLabel == i.Label) && (c.TokenSerial == "" || c.TokenSerial == i.Serial) &&
			(c.Slot == nil || *c.Slot == i.Slot) {
			fits = append(fits, i)
		}
	}
	switch len(fits) {
	case 1:
		return fits[0], nil
	case 0:
		if len(all) == 0 {
			return Info{}, fmt.Errorf("%w: %s. The library shows none at all. Insert the token, start its service, or check that this user may read the token store",
				ErrTokenNotFound, t.wanted())
		}
		return Info{}, fmt.Errorf("%w: %s. Connected now: %s", ErrTokenNotFound, t.wanted(), names(all))
	}
	return Info{}, fmt.Errorf("%w: %s. Connected now: %s. Give the serial number", ErrTokenAmbiguous, t.wanted(), names(fits))
}

// wanted says which token was asked for.
func (t *Token) wanted() string {
	var parts []string
	if t.cfg.TokenLabel != "" {
		parts = append(parts, fmt.Sprintf("label %q", t.cfg.TokenLabel))
	}
	if t.cfg.TokenSerial != "" {
		parts = append(parts, fmt.Sprintf("serial %q", t.cfg.TokenSerial))
	}
	if t.cfg.Slot != nil {
		parts = append(parts, fmt.Sprintf("slot %d", *t.cfg.Slot))
	}
	if parts == nil {
		return "any token"
	}
	return strings.Join(parts, ", ")
}

func names(list []Info) string {
	var s []string
	for _, i := range list {
		s = append(s, fmt.Sprintf("%q (serial %s, slot %d)", i.Label, i.Serial, i.Slot))
	}
	return strings.Join(s, ", ")
}

func pinState(flags uint) PINState {
	switch {
	case flags&worker.FlagUserPINLocked != 0:
		return PINLocked
	case flags&worker.FlagUserPINSet == 0 && flags&worker.FlagLoginRequired != 0:
		return PINNotSet
	case flags&worker.FlagUserPINFinalTry != 0:
		return PINFinalTry
	case flags&worker.FlagUserPINCountLow != 0:
		return PINCountLow
	}
	return PINOK
}

// software tells a token that calls itself a software one.
func software(t worker.TokenInfo) bool {
	name := strings.ToLower(t.Manufacturer + " " + t.Model + " ")
	for _, s := range []string{"softhsm", "softtok", "mozilla", "sw   tpm", "kryoptic", "software"} {
		if strings.Contains(name, s) {
			return true
		}
	}
	return false
}

// fileOf is the real path of a file and the SHA-256 of what it holds.
func fileOf(path string) (string, string, error) {
	realPath, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", "", fmt.Errorf("finding the HSM library: %w", err)
	}
	f, err := os.Open(realPath)
	if err != nil {
		return "", "", fmt.Errorf("reading the HSM library: %w", err)
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", "", fmt.Errorf("reading the HSM library: %w", err)
	}
	return realPath, hex.EncodeToString(h.Sum(nil)), nil
}

// clock reads the time of a token that says it has a clock; zero where it is no
// time.
func clock(ti worker.TokenInfo) time.Time {
	if ti.Flags&worker.FlagClockOnToken == 0 || len(ti.Clock) < len(clockForm) {
		return time.Time{}
	}
	at, err := time.Parse(clockForm, ti.Clock[:len(clockForm)])
	if err != nil {
		return time.Time{}
	}
	return at
}

// clockForm is PKCS#11's utcTime, without its two reserved digits.
const clockForm = "20060102150405"
