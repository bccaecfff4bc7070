// Package ceremony is the engine: tables of steps, one for each ceremony, and
// the machine that walks them. It knows no terminal, no device, no file and no
// network: a vault, an HSM, a Journal and a Shelf are handed to it in Env.
//
// A Run shows one Prompt at a time, takes one Input for it, and does the work
// in a Job off the front end's event loop. Front ends know kinds of prompts,
// never ceremonies; two of them, the screen and the lines of -plain, play the
// same runs.
//
// It promises:
//
//   - every event is on disk before the next page is drawn; begun comes before
//     every piece of work, done or failed after it; if an event cannot be
//     written the ceremony ends, and before the commit nothing is changed
//     (TestLostRecord);
//   - what was handed out does not count until every custodian has proven it by
//     typing it back, and operator and witness, each after a hand-over, have
//     typed the word (TestCeremonies, TestWrongWords);
//   - stopped at any page before the commit, the vault is as it was and nothing
//     is left behind; a set that was handed out is void in the record
//     (TestAbortAnywhere). What a killed run left is named by the next, which
//     goes on with it or removes it (TestResume, TestRemoveLeftover);
//   - an answer to another page, a second answer and one that comes while the
//     program works are refused (TestLateAnswers);
//   - secrets are in Input.Secret, in Reveal.Text and with the vault, in no
//     event, no other part of a prompt, no problem and no file (the canary that
//     every test looks for); a Run wipes them when their step or the run ends;
//   - a deviation can be noted at every page until the record is closed, and
//     leaves the page as it stands (TestNoteAnywhere); text that people type is
//     refused, and said to be, if it holds a secret in use or the shape of one
//     (TestSecretsInText, TestShapeOfShares);
//   - everybody present agrees, or says why not; neither keeps the record open,
//     and what the sign-off lacks is in its last event (TestSignOff). A receipt
//     is the head after its event (TestReceipts).
//
// It does not promise that the people are who they say: an act is "keyboard"
// unless a share that the records know was typed. What the records say of a
// share is a hint, since they may have been changed; the vault decides.
//
// ATTACKS.md lists what it was attacked with, and the tests.
//
// To add a ceremony: its table in script.go, a line in All, what it did in done,
// its text in assets/texts, and a golden record.
package ceremony
