// Package ui is the Bubble Tea program: it draws the prompts of a ceremony and
// returns the answers of the people in the room. It knows kinds of prompts,
// never ceremonies; one file holds one kind.
//
// It promises:
//   - every page is exactly as many rows as the window and no wider, or it is
//     the page that says how large the window must be (TestPagesFit);
//   - what is typed in a secret step and what is shown to one person is in no
//     string of this package: it comes in through a Tap and goes out through a
//     Writer (TestSecretsStayOut); a share that is drawn as a QR code, too
//     (TestQRHides), and a scanner reads it off the screen (TestQRIsRead);
//   - an answer belongs to the page that was on the screen, and keys of the
//     first 300 ms of a page do not count (TestKeyGrace); a secret that began then
//     is taken whole or not at all, also from a reader of codes that types
//     (TestScanned, and TestScanTooEarly in package term);
//   - Update never waits: what takes time is a ceremony.Job in a command;
//   - a command opens a Screen on its terminal, shows the Menu and runs a
//     Ceremony there; after that the terminal is as it was, whether people, a
//     signal, a panic or the loss of the terminal ended it (TestSignals,
//     TestSafe, TestTerminalCloses), and the ceremony was put away;
//   - the terminal is asked nothing (TestMuteTerminal);
//   - a page at which nobody types locks itself after 90 seconds where it takes
//     or shows a secret, else after 300, and after an hour the ceremony stops
//     (TestIdleLock, TestIdleLeaves);
//   - the same pages work without colour, in ASCII and at 80 by 24
//     (TestPages, whose golden files are in testdata).
//
// It does not promise that a page which was left is gone from the terminal's
// own memory: see package term.
package ui
