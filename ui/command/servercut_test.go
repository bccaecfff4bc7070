package command_test

import (
	"path/filepath"
	"strings"
	"testing"

	"conclave/vaultstate/server/servertest"
)

// TestServerSuspended: at a server, too, new shares wait for their proofs as long as
// the plan says and no longer. Then they can only be cancelled, the page says why and
// since when, and the same run begins anew with the old shares.
func TestServerSuspended(t *testing.T) {
	for name, c := range map[string]struct {
		later, days string
		goesOn      bool
	}{
		"in time":              {"47h", "2", true},
		"late":                 {"49h", "2", false},
		"in the usual time":    {"695h", "", true},
		"after the usual time": {"745h", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := servertest.New(t, servertest.Dialects[0])
			env := []string{"HOME=" + t.TempDir(), "TERM=dumb"}
			s := &onServer{T: t, address: f.URL, f: f, player: &player{dir: t.TempDir(), shown: map[string]string{}, env: env}}
			s.player.keeps = true
			s.hold(0, "he vault is initialised", "init", "-recovery-shares=3", "-recovery-threshold=2")
			rekey := []string{"rekey", "-target=recovery", "-key-shares=3", "-key-threshold=2"}
			old := s.shares("ALICE", "BOB")
			s.player.shares, s.player.proofs, s.player.killAt = old, 0, 2
			s.hold(-1, "[prove]", rekey...)

			s.player.killAt, s.player.shares = 0, nil
			s.player.env = append(env, "CONCLAVE_TEST_LATER="+c.later)
			if c.days != "" {
				rekey = append(rekey, "-suspended-days="+c.days)
			}
			if c.goesOn {
				s.hold(0, "Go on with it: all 3 new shares are proven again", rekey...)
				return
			}
			s.player.shares = old
			said := joined([]byte(s.hold(0, "It cannot go on here: it waits since", rekey...)))
			if strings.Contains(said, "Go on with it") || !strings.Contains(said, "Cancel it, and hold the ceremony from its beginning: its shares are void.") {
				t.Errorf("it is offered, or what to do is not said:\n%s", said)
			}
			if void, err := filepath.Glob(filepath.Join(s.player.dir, "*", "shares", "VOID-*")); err != nil || len(void) != 1 {
				t.Errorf("its shares are not void: %v, %v", void, err)
			}
		})
	}
}
