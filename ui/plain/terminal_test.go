package plain_test

import (
	"os"
	"os/signal"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"conclave/ceremony"
	"conclave/ui/plain"
)

// terminal is a real one: what the program writes to it and what its driver
// echoes both come to screen.
type terminal struct {
	t        *testing.T
	master   *os.File
	screen   screen
	consumed int
}

// expect waits for text behind what was seen before.
func (m *terminal) expect(text string) {
	m.t.Helper()
	for range 500 {
		s := m.screen.String()[m.consumed:]
		for i := 0; i+len(text) <= len(s); i++ {
			if s[i:i+len(text)] == text {
				m.consumed += i + len(text)
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	m.t.Fatalf("%q did not come; what came is\n%s", text, m.screen.String())
}

func (m *terminal) typeText(text string) {
	m.t.Helper()
	if _, err := m.master.WriteString(text); err != nil {
		m.t.Fatal(err)
	}
}

func run(t *testing.T, f *fake, sig chan os.Signal) (*terminal, *os.File, chan ceremony.Outcome) {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tty.Close()
		master.Close()
	})
	m := &terminal{t: t, master: master}
	go func() {
		buf := make([]byte, 1024)
		for {
			n, err := master.Read(buf)
			if err != nil {
				return
			}
			_, _ = m.screen.Write(buf[:n])
		}
	}()
	over := make(chan ceremony.Outcome, 1)
	go func() { over <- plain.Run(t.Context(), f, plain.Options{In: tty, Out: tty, Signals: sig}) }()
	return m, tty, over
}

// echoes tells whether the terminal shows what is typed.
func echoes(t *testing.T, tty *os.File) bool {
	t.Helper()
	s, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return s.Lflag&unix.ECHO != 0
}

// TestTerminal types a PIN and a share at a terminal, some of it ahead.
func TestTerminal(t *testing.T) {
	f := &fake{t: t, prompts: prompts()[2:6]}
	m, tty, over := run(t, f, nil)
	m.expect("only enter: Wim): ")
	m.typeText("Wim\n1111\n") // 1111 is typed ahead of the PIN's page
	m.expect("while you type): ")
	if echoes(t, tty) {
		t.Error("the terminal echoes a PIN")
	}
	m.typeText("9\x1b[A\n")
	m.expect("no character was pressed")
	m.expect("while you type): ")
	m.typeText("7654x\x7f\n")
	m.expect("if somebody else is first: ")
	if !echoes(t, tty) {
		t.Error("the terminal does not echo after a PIN")
	}
	m.typeText("ALICE\n")
	m.expect("while you type): ")
	m.typeText(aShare + "\n")
	m.expect("66 of 66 characters")
	<-over
	if f.secrets[1] != "7654" || f.secrets[3] != aShare {
		t.Errorf("the secrets are %q", f.secrets)
	}
	for _, s := range []string{"7654", aShare[:12]} {
		if m.screen.has(s) {
			t.Errorf("the terminal shows %q", s)
		}
	}
	if !echoes(t, tty) {
		t.Error("the terminal does not echo at the end")
	}
}

// TestControlC asks before it stops, and gives the echo back.
func TestControlC(t *testing.T) {
	sig := make(chan os.Signal, 4)
	signal.Notify(sig, os.Interrupt)
	defer signal.Stop(sig)
	f := &fake{t: t, prompts: prompts()[3:5]}
	f.prompts[0].Stop = "Nothing is changed."
	m, tty, over := run(t, f, sig)
	m.expect("while you type): ")
	m.typeText("76")
	sig <- os.Interrupt // as ctrl+c at the program's own terminal does
	m.expect("Stop the ceremony? Nothing is changed.")
	m.expect("only enter to go on: ")
	if !echoes(t, tty) {
		t.Error("the reason is not echoed")
	}
	m.typeText("\n")
	m.expect("while you type): ")
	m.typeText("54\n")
	m.expect("somebody else is first: ")
	sig <- os.Interrupt
	m.expect("only enter to go on: ")
	m.typeText("fire alarm\n")
	if got := <-over; got.Sentence != "Alice Adams: fire alarm" {
		t.Errorf("the outcome is %+v", got)
	}
	if len(f.secrets) != 1 || f.secrets[0] != "54" {
		t.Errorf("the PIN is %q: what was typed before ctrl+c counts", f.secrets)
	}
}
