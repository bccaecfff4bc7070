//go:build cgo

package hsm_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"conclave/hsm"
)

// TestShimFaultsUnderLoad breaks the token while six callers use it: each call
// ends, with the right bytes or with an error that says what happened, and
// after the last fault and a login all six go on.
func TestShimFaultsUnderLoad(t *testing.T) {
	s := newShimmed(t)
	s.cfg.Timeout = 2 * time.Second
	token := s.ready()
	blob := s.wrap()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var wg sync.WaitGroup
	opened := make(chan struct{}) // one for each blob opened
	for range 6 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := roundTrip(ctx, token, blob); err != nil {
					var e *hsm.Error
					if !errors.As(err, &e) && !errors.Is(err, hsm.ErrWorker) && !errors.Is(err, hsm.ErrTimeout) &&
						!errors.Is(err, hsm.ErrNotLoggedIn) && !errors.Is(err, context.Canceled) {
						t.Errorf("a call ended with %v", err)
					}
					select { // until somebody logs in
					case <-time.After(20 * time.Millisecond):
					case <-ctx.Done():
					}
					continue
				}
				select {
				case opened <- struct{}{}:
				default:
				}
			}
		})
	}
	for _, f := range []struct {
		fault, call string
		bites       int // at which call
	}{
		{"C_Decrypt return 0x40 times 3", "C_Decrypt", 1},
		{"C_OpenSession return 0xB1 times 2\nC_DecryptInit return 0xB3 times 4", "C_OpenSession", 1},
		{"C_EncryptInit return 0x32 times 1", "C_EncryptInit", 1},
		{"C_Decrypt crash after 3", "C_Decrypt", 4},
		{"C_FindObjects delay 60000 after 5", "C_FindObjects", 6},
		{"C_GetAttributeValue return 0x101 times 2", "C_GetAttributeValue", 1},
	} {
		fault := f.fault
		s.Set(fault)
		for began := time.Now(); s.count(f.call) < f.bites; time.Sleep(time.Millisecond) {
			if time.Since(began) > 2*time.Second { // the fault before cost the login after all
				_ = token.Login(t.Context(), pin(testPIN))
				began = time.Now()
			}
		}
		s.Set()
		began := time.Now()
		for done := false; !done; {
			if err := token.Login(t.Context(), pin(testPIN)); err != nil && !errors.Is(err, hsm.ErrTimeout) && !errors.Is(err, hsm.ErrWorker) {
				t.Fatalf("after %q: %v", fault, err)
			}
			select {
			case <-opened:
				done = true
			case <-time.After(200 * time.Millisecond):
			}
			if time.Since(began) > 60*time.Second {
				t.Fatalf("after %q nothing was opened for a minute", fault)
			}
		}
	}
	stop()
	wg.Wait()
	s.works(blob)
}

// roundTrip opens blob and one that it makes.
func roundTrip(ctx context.Context, token *hsm.Token, blob []byte) error {
	want := rootKey()
	defer want.Wipe()
	made, err := token.Wrap(ctx, want)
	if err != nil {
		return err
	}
	for _, b := range [][]byte{blob, made} {
		got, err := token.Unwrap(ctx, b)
		if err != nil {
			return err
		}
		same := got.Equal(want)
		got.Wipe()
		if !same {
			return errors.New("a blob opened to other bytes")
		}
	}
	return nil
}
