package hsm

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"conclave/hsm/worker"
)

// MaxData is how long the value of a data object may be: it fits a frame of the
// worker, and any token.
const MaxData = 1536

// dataApplication is the CKA_APPLICATION of our data objects.
const dataApplication = "conclave"

// ErrNoData says that the token keeps no data object.
var ErrNoData = errors.New("the token keeps no data object")

// Data returns the values of the private data objects with this label: one, or
// more where a PutData was cut off. Whoever can log in can change them.
func (t *Token) Data(ctx context.Context, label string) ([][]byte, error) {
	var values [][]byte
	err := t.try(ctx, label, func(w *worker.Client) error {
		values = nil
		found, err := w.Find(ctx, t.cfg.Timeout, worker.Object{Label: label}, worker.ClassData)
		if err != nil {
			return err
		}
		for _, h := range found[0] {
			a, err := w.Attributes(ctx, t.cfg.Timeout, h, worker.AttrValue)
			if err != nil {
				return err
			}
			values = append(values, a[worker.AttrValue])
		}
		return nil
	})
	return values, err
}

// PutData makes value the one data object with this label: the new object is
// made and read back before those that were there are destroyed. Cut off, it
// leaves both. An empty value only destroys them. The first one of a label is looked for again after the library
// was restarted: some tokens say that they kept what they did not.
func (t *Token) PutData(ctx context.Context, label string, value []byte) error {
	if label == "" || len(value) > MaxData {
		return fmt.Errorf("a data object needs a label and at most %d bytes", MaxData)
	}
	if len(value) == 0 {
		return t.keepOnly(ctx, label, nil)
	}
	before, err := t.Data(ctx, label)
	if err != nil {
		return fmt.Errorf("looking for the data object %q: %w", label, err)
	}
	if err := t.createData(ctx, label, value); err != nil {
		return fmt.Errorf("writing the data object %q: %w", label, err)
	}
	if len(before) == 0 {
		if err := t.relogin(ctx, true); err != nil {
			return fmt.Errorf("looking for the new data object after a restart of the library: %w", err)
		}
	}
	return t.keepOnly(ctx, label, value)
}

func (t *Token) createData(ctx context.Context, label string, value []byte) error {
	t.turn.RLock()
	defer t.turn.RUnlock()
	w, err := t.session(ctx)
	if err != nil {
		return err
	}
	err = w.CreateData(ctx, t.cfg.Timeout, dataApplication, label, value)
	t.count("C_CreateObject", label, err)
	var f *worker.Fault
	told := t.check(w, t.explain(err, t.cfg.Timeout))
	if errors.As(err, &f) && !passing(err) && !errors.Is(told, ErrTokenGone) && !errors.Is(told, ErrNotLoggedIn) {
		return fmt.Errorf("%w: %w", ErrNoData, told)
	}
	return told
}

// keepOnly reads the objects back and destroys all but one with this value,
// which must be there unless it is empty.
func (t *Token) keepOnly(ctx context.Context, label string, value []byte) error {
	return t.try(ctx, label, func(w *worker.Client) error {
		found, err := w.Find(ctx, t.cfg.Timeout, worker.Object{Label: label}, worker.ClassData)
		if err != nil {
			return err
		}
		kept := len(value) == 0
		var others []worker.Handle
		for _, h := range found[0] {
			a, err := w.Attributes(ctx, t.cfg.Timeout, h, worker.AttrValue)
			if err != nil {
				return err
			}
			if !kept && bytes.Equal(a[worker.AttrValue], value) {
				kept = true
				continue
			}
			others = append(others, h)
		}
		if !kept {
			return fmt.Errorf("%w: it reported success, and %q does not hold what was written", ErrNoData, label)
		}
		for _, h := range others {
			err := w.Destroy(ctx, t.cfg.Timeout, h)
			t.count("C_DestroyObject", label, err)
			if err != nil {
				return err
			}
		}
		return nil
	})
}
