package ui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
	"conclave/hsm/secret"
	"conclave/ui/gpg"
	"conclave/ui/term"
)

// The two ceremonies of the drawings. All names, numbers and hashes are
// invented.
var (
	initHeader  = ceremony.Header{Title: "INIT", ID: "KC-2026-017", Vault: "payments vault", Steps: 18, Recorded: true}
	rekeyHeader = ceremony.Header{Title: "REKEY", ID: "KC-2026-019", Vault: "payments vault", Steps: 14, Recorded: true}

	initSteps = strings.Fields("Plan People Machine Plan_hash HSM Vault PGP_keys Briefing Go Initialise Hand_out Prove_shares Commit Root_token Checks Deviations Sign-off Checkpoint")
	initTimes = strings.Fields("10:28 10:33 10:35 10:38 10:41 10:42 10:45 10:50 10:52 10:55 11:02 11:20 11:21 11:23 11:24 11:25 11:26 11:27")

	rekeySteps = strings.Fields("Plan People Machine Plan_hash HSM Vault Briefing Shares Go Rekey Checks Deviations Sign-off Checkpoint")
	rekeyTimes = strings.Fields("14:02 14:06 14:08 14:12 14:14 14:15 14:17 14:30 14:31 14:35 14:36 14:37 14:38 14:40")
	rekeyWho   = strings.Fields("Olga Olga Olga Wim Olga Olga Olga quorum Olga program program Wim all Wim")
)

// steps is a script at its n-th step.
func steps(titles, times, who []string, n int, note string) []ceremony.ScriptLine {
	var out []ceremony.ScriptLine
	for i, t := range titles {
		l := ceremony.ScriptLine{Number: i + 1, Title: strings.ReplaceAll(t, "_", " "), By: ceremony.Operator}
		if who != nil {
			l.Who = who[i]
		}
		switch {
		case i+1 < n:
			l.State = ceremony.Good
			l.Done = at(times[i] + ":00").t
			if who != nil && i == 2 {
				l.State, l.Note = ceremony.Warn, "note 1"
			}
		case i+1 == n:
			l.State, l.Note = ceremony.Now, note
		}
		out = append(out, l)
	}
	return out
}

func initAt(n int, note string, ps ...ceremony.Prompt) *scripted {
	h := initHeader
	h.Step = n
	return &scripted{header: h, script: steps(initSteps, initTimes, nil, n, note), prompts: ps}
}

func rekeyAt(n int, note string, ps ...ceremony.Prompt) *scripted {
	h := rekeyHeader
	h.Step = n
	return &scripted{header: h, script: steps(rekeySteps, rekeyTimes, rekeyWho, n, note), prompts: ps, recent: rekeyRecent}
}

var rekeyRecent = []ceremony.Recent{
	{Seq: 31, Time: at("14:17:20").t, Who: "Olga Example", Text: "briefing read aloud"},
	{Seq: 32, Time: at("14:18:02").t, Who: "program", Text: "operation on the vault compared: as agreed"},
	{Seq: 33, Time: at("14:18:40").t, Who: "Alice Adams", Text: "took the keyboard"},
	{Seq: 34, Time: at("14:20:57").t, Who: "Alice Adams", Text: "share 1 of 5, set of 2026-09-14, proven"},
	{Seq: 35, Time: at("14:21:30").t, Who: "Alice Adams", Text: "stepped back; entry wiped"},
	{Seq: 36, Time: at("14:21:52").t, Who: "Bob Baker", Text: "took the keyboard"},
	{Seq: 37, Time: at("14:22:10").t, Who: "program", Text: "operation on the vault compared: as agreed"},
	{Seq: 38, Time: at("14:22:41").t, Who: "Wim Waters", Text: "note 1: door opened for two minutes, step 3"},
}

var (
	olga  = ceremony.Person{Name: "Olga Example", Role: ceremony.Operator}
	wim   = ceremony.Person{Name: "Wim Waters", Role: ceremony.Witness, Organisation: "Audit"}
	alice = ceremony.Person{Name: "Alice Adams", Role: ceremony.Custodian, Number: 1}
	bob   = ceremony.Person{Name: "Bob Baker", Role: ceremony.Custodian, Number: 2}
)

const planHash = "742AE33ACBA8FCCAB9B73ED89F617AEC098B6F3CFB5D34C6E101145134A548EB"

// shareText is a share as page 09 draws it: eleven groups of six and a check.
const shareText = "798114Z20CB50F02E950G91FE71E1BA749A4190850903C08K3FEFC7Z8F600EF7F911FW357601C"

func peoplePrompt() ceremony.Prompt {
	p := ceremony.Prompt{Kind: ceremony.People, By: olga, Heading: "Olga: look at each ID, then mark the person",
		Text:     []string{"All five custodians are needed: each proves a share before the vault is changed."},
		Recorded: "names, roles, times. No ID numbers."}
	for i, n := range []string{"Olga Example", "Wim Waters", "Alice Adams", "Bob Baker", "Carol Chen", "Dora Dean", "Erik Esser"} {
		who := ceremony.Person{Name: n, Role: ceremony.Custodian, Number: i - 1}
		switch i {
		case 0:
			who = olga
		case 1:
			who = wim
		}
		p.People = append(p.People, ceremony.Attendance{Person: who, Present: i < 4})
	}
	return p
}

func hashPrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.Read, By: wim, Heading: "Wim reads row by row from the printed plan. Olga compares.",
		Facts: []ceremony.Fact{{Label: "SHA-256 of the agreed plan", Value: planHash}}, Recorded: "each row agreed, by whom, when."}
}

func hsmPrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.Attest, By: olga, Heading: "Olga: is this the HSM that was meant?",
		Facts: []ceremony.Fact{{Label: "maker", Value: "Example Systems"}, {Label: "model", Value: "KeySafe 7200, firmware 7.2.1"},
			{Label: "serial", Value: "0A1F 3377 90C4"}, {Label: "token", Value: "payments-hsm, slot 3"}, {Label: "key", Value: "vault-2026, AES-256"}},
		Lines: []ceremony.Line{
			{Mark: ceremony.Good, Text: "key cannot leave the HSM", Took: 100 * time.Millisecond},
			{Mark: ceremony.Good, Text: "wraps and unwraps 32 random bytes", Took: 400 * time.Millisecond},
			{Mark: ceremony.Good, Text: "refuses a changed byte", Took: 300 * time.Millisecond},
			{Mark: ceremony.Warn, Text: "A wrong PIN was entered since the last right one."},
			{Mark: ceremony.Warn, Text: "One person types all of it: single control, an override. A plan can name two PIN holders."}},
		Recorded: "the lines above; the values are the token's own."}
}

func pinPrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.AskSecret, By: olga, Heading: "Olga: type the PIN of the token. It is not shown.", Field: "PIN",
		Facts:    []ceremony.Fact{{Label: "token", Value: "payments-hsm"}, {Label: "PIN state", Value: "count-low"}},
		Lines:    []ceremony.Line{{Mark: ceremony.Warn, Text: "A wrong PIN was entered since the last right one."}},
		Recorded: "that a PIN was entered, by whom, and whether the token took it."}
}

func challengePrompt() ceremony.Prompt {
	const file = "2026-11-23-KC-2026-019-recovery-rekey/challenges/1-alice-example.asc"
	return ceremony.Prompt{Kind: ceremony.AskSecret, By: alice, Heading: "Alice Example: decrypt your challenge, and type its code. It is not shown.", Field: "code",
		Facts: []ceremony.Fact{{Label: "file", Value: file}}, Sealed: &ceremony.Sealed{File: file, Challenge: true},
		Text: []string{"Decrypt the file on a device of your own. It says CONCLAVE CHALLENGE, this ceremony and your name; the code is the 20 letters behind. NONE: it cannot be decrypted here.",
			"A share is 66 hexadecimal digits. NEVER type one here, whoever asks for it."},
		Recorded: "that the code was right, the file, who typed it. No letter of it."}
}

func handPrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.HandOver, By: bob, From: "Alice Adams", Word: "BOB", Heading: "Pass the keyboard to Bob Baker",
		Text: []string{"Alice Adams: share 1 of 3 is in. It is wiped from the screen."}, Recorded: "who took the keyboard, when."}
}

func sharePrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.AskShare, By: bob, Heading: "Bob Baker: type your share. It is not shown.",
		Entry: ceremony.Entry{Given: 1, Needed: 3, Bytes: 33}, Recorded: "who, when, which share. Never a group."}
}

func oldSharePrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.Choose, By: bob, Heading: "This is an old share.",
		Problem: &ceremony.Problem{Happened: "This is an old share.", State: "Nothing went to the vault. What Bob typed is wiped. Alice's share is kept."},
		Facts: []ceremony.Fact{{Label: "typed", Value: "Bob Baker, share 2 of 5, set of 2026-03-01, replaced 2026-09-14"},
			{Label: "needed", Value: "Bob Baker, share 2 of 5, set of 2026-09-14, from KC-2026-015"}},
		Choices: []ceremony.Choice{{ID: "again", Title: "Bob types the newer share"}, {ID: "other", Title: "Somebody else goes next"},
			{ID: "stop", Title: "Stop: the vault stays as it is"}},
		Recorded: "old share offered, by whom, when."}
}

func showPrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.Show, By: alice, Heading: "Alice Adams: share 1 of 5. Only Alice looks at this screen.",
		Text: []string{"You type it back in step 12, so a slip of the pen is found."},
		Reveal: &ceremony.Reveal{What: "share", Text: secret.Take([]byte(shareText)), Group: 7, Seconds: 90, Offers: true,
			Words: strings.Fields("bluebird examine Athens almighty uncut insurgent slingshot puberty")},
		Recorded: "shown once, from when to when. No character of it."}
}

func qrPrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.Show, By: alice, Heading: "Alice Adams: share 1 of 5 as a QR code. Only your scanner looks.",
		Text:     []string{"No phone, no camera: a picture of this is the share."},
		Reveal:   &ceremony.Reveal{What: "share", Text: secret.Take([]byte(shareText)), Group: 7, Seconds: 30, Code: true},
		Recorded: "that it was shown, from when to when."}
}

func tokenPrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.Show, By: olga, Heading: "Olga Example: the root token. The witness stands by, nobody else looks.",
		Reveal:   &ceremony.Reveal{What: "root token", Text: secret.Take([]byte("s.Xk2pQ9rT7vWm4ZbN1cJd8LgH")), Seconds: 90},
		Recorded: "its accessor, from when to when it was shown. No character of it."}
}

func confirmPrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.Confirm, By: olga, Badge: "CHANGES THE VAULT", Action: "Replace the root key", Word: "REKEY",
		Heading: "Olga reads the three lines aloud. Wim says yes or no.",
		Changes: "the root key. The HSM wraps the new one with vault-2026", Stays: "all data, the 5 recovery shares, all tokens and policies",
		Undo: "until a server has started: the copy that is kept till the end",
		Lines: []ceremony.Line{{Mark: ceremony.Good, Text: "three of three shares: Alice Adams, Bob Baker, Carol Chen"},
			{Mark: ceremony.Good, Text: "the vault on disk is what it was at 14:15"}, {Mark: ceremony.Good, Text: "no server runs on this storage"}},
		Stop: "Nothing is changed: the vault is as it was.", Recorded: "the three lines, the word, who typed it, when."}
}

func workPrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.Work, By: ceremony.Person{Role: ceremony.Program}, Heading: "The program works. Nobody needs to type.",
		Lines: []ceremony.Line{{Text: "new root key, in locked memory"}, {Text: "wrapped by the HSM"}, {Text: "41 entries copied and written"},
			{Text: "waiting for the disk to confirm"}, {Text: "opened again through the HSM"}, {Text: "swapped in, one rename"}},
		IfPowerFails: "the vault is as it was before.", Text: []string{"Until the swap, ctrl+c stops it with nothing changed."},
		Stop: "Nothing is changed: the vault is as it was.", Recorded: "begun, and how it ended."}
}

func resultPrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.Attest, By: wim, Heading: "The root key is replaced.",
		Lines: []ceremony.Line{{Mark: ceremony.Good, Text: "Checked: the vault was opened again from disk, through the HSM."}},
		Text:  []string{"Each witness writes rows A to H on paper. They seal this record."},
		Facts: []ceremony.Fact{{Label: "head", Value: "8A9C2A451B1955F8EB1F146095D093491D9B1EA06704F6E07F37D6943D3E98F5"},
			{Label: "record", Value: "2026-11-23-KC-2026-019-rekey/, 64 events"}},
		Recorded: "the head is of the last line; it is not in the record itself."}
}

func stoppedPrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.Choose, By: olga, Heading: "The HSM does not answer.",
		Problem: &ceremony.Problem{Badge: "STOPPED", Happened: "The HSM does not answer.",
			State: "Nothing is changed: the vault on disk is as it was at 14:15.",
			Do:    "Look at the cable and the lamp on the device, then try again.", Code: "C_Encrypt, CKR_DEVICE_ERROR, slot 3. Event 41."},
		Choices: []ceremony.Choice{{ID: "again", Title: "Try again", Consequence: "this step from its start; the shares are kept"},
			{ID: "stop", Title: "Stop", Consequence: "the ceremony ends here, and the record says so"}},
		Recorded: "the failure and what you choose."}
}

func readPrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.Read, By: olga, Heading: "Olga Example: read this aloud",
		Text: []string{"This ceremony initialises the payments vault. Five custodians receive a recovery share each; three of them together authorise later operations.",
			"On a local vault the quorum is enforced by this program and shown by its record. Whoever holds the HSM's PIN and the storage can act without us."},
		Recorded: "that it was read, by whom, when."}
}

func longRead() ceremony.Prompt {
	p := readPrompt()
	p.Heading = "Wim Waters: read the plan aloud"
	p.Text = nil
	for i := range 60 {
		p.Text = append(p.Text, fmt.Sprintf("line %d of the agreed plan = value %d (from the plan)", i+1, i+1))
	}
	p.Facts = []ceremony.Fact{{Label: "SHA-256", Value: strings.ToLower(planHash)}}
	return p
}

func askPrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.Ask, By: olga, Heading: "Who is the witness?", Field: "witness",
		Text: []string{"Type the name as it shall stand in the record."}, Recorded: "the name and the role.",
		Problem: &ceremony.Problem{Happened: "Olga Example is already here as operator.", State: "One person has one role.", Do: "Type somebody else's name."}}
}

func receiptPrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.Choose, By: alice, Heading: "Alice Adams: you hold share 1 now",
		Facts: []ceremony.Fact{{Label: "receipt", Value: "event 76"}, {Label: "words", Value: "enlist headwaters quiver Montana"}, {Value: "brackish conspiracy backwater Babylon"}},
		Text: []string{"I hold this share and answer for it. I keep it where only I can get at it, and give it to nobody.",
			"I type it only in a ceremony, with a witness, into the machine that the plan names.",
			"I can compare the words at any time: conclave transcript verify -receipt"},
		Choices: []ceremony.Choice{{ID: "take", Title: "I acknowledge this, and have written down the words"},
			{ID: "stop", Title: "I do not take the share", Consequence: "the ceremony stops: a share that nobody answers for must not count"}},
		Recorded: "entered for Alice Adams: the sentences; the receipt, which is no secret."}
}

func roomFault() ceremony.Prompt {
	p := roomPrompt()
	p.Fields[0].Default, p.Fields[6].Default = "Room 7, Basel", "10:35:58"
	p.Problem = &ceremony.Problem{Happened: "This is not the hash that the program reports of itself.", State: "Nothing is changed.", Field: "hash",
		Do: "Type the first and the last four groups of four from the witness's paper. If they differ indeed, stop: this is another program."}
	return p
}

// practiceAt is the longest header that a rehearsal has.
func practiceAt(n int, note string, ps ...ceremony.Prompt) *scripted {
	r := rekeyAt(n, note, ps...)
	r.header = ceremony.Header{Title: "RECOVERY REKEY", ID: "PR-2026-11-26-110144", Vault: "practice", Step: n, Steps: 14, Practice: true, Recorded: true}
	return r
}

func filesPrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.Attest, By: olga, Heading: "Olga Example: give each custodian their file",
		Facts: []ceremony.Fact{{Label: "all lie in", Value: "/home/olga/.local/share/conclave/practice/PRACTICE-2026-11-26-PR-2026-11-26-110144-recovery-rekey/shares"},
			{Label: "1 Alice Adams", Value: "PRACTICE-1-alice-adams.asc"}, {Label: "2 Bob Baker", Value: "PRACTICE-2-bob-baker.asc"}, {Label: "3 Carol Chen", Value: "PRACTICE-3-carol-chen.asc"},
			{Label: "4 Dora Dean", Value: "PRACTICE-4-dora-dean.asc"}, {Label: "5 Erik Esser", Value: "PRACTICE-5-erik-esser.asc"}},
		Text: []string{"Each file is encrypted to its custodian's PGP key. They decrypt it on a device of their own and prove the share in the next step. " +
			"Until all have done so nothing is changed."},
		Lines:    []ceremony.Line{{Mark: ceremony.Good, Text: "5 files are on disk and were read back"}},
		Recorded: "each file's name and SHA-256, for whom. No share."}
}

// Names as long as a plan may have them, and of two columns a character.
const (
	longName = "Maximiliane Theodora von und zu Hohenstauffen-Wittelsbach X."
	wideName = "山田太郎山田太郎山田太郎山田太郎山田太郎"
)

func longPeople() ceremony.Prompt {
	p := peoplePrompt()
	p.Heading = longName + ": look at each ID, then mark the person"
	p.People[0].Person.Name, p.People[1].Person.Name = longName, wideName
	return p
}

func longHand() ceremony.Prompt {
	p := handPrompt()
	p.By.Name, p.From, p.Word, p.Heading = longName, wideName, "MAXIMILIANE", "Pass the keyboard to "+longName
	p.Text = []string{wideName + ": share 1 of 3 is in. It is wiped from the screen."}
	return p
}

// triedHand is the keyboard on its way back after a PIN that was wrong.
func triedHand() ceremony.Prompt {
	p := handPrompt()
	p.Text = nil
	p.Problem = &ceremony.Problem{Happened: "Token \"payments\", serial 92c1f0: Wrong PIN.", State: "Nothing is changed. A wrong PIN was entered since the last right one.",
		Do: "Each wrong try counts. Check it with whoever keeps the PIN, then type it again.", Code: "C_Login, CKR_PIN_INCORRECT, 0xA0"}
	return p
}

func signingKeyPrompt() ceremony.Prompt {
	p := resultPrompt()
	p.By, p.Heading = wim, "Wim Waters: read aloud the key that signs this record"
	p.Lines = []ceremony.Line{{Mark: ceremony.Warn, Text: "ANOTHER KEY signed the earlier record: 3789BBBB01A2C3D4..., called conclave/hsm/record-2025"}}
	p.Text = []string{"Ed25519, \"record key\": the SHA-256 of its public half. Keep it. What it signs is made with a key in the same HSM; it is nobody's signature."}
	p.Recorded = "the public key, its attributes, and that it was read."
	return p
}

func unsignedPrompt() ceremony.Prompt {
	p := resultPrompt()
	p.Lines = []ceremony.Line{{Mark: ceremony.Warn, Text: "The checkpoint is NOT signed by the HSM, and the record is whole. The HSM does not answer."}}
	return p
}

// pages are all pages, each brought to the state that its drawing shows.
var pages = []struct {
	name  string
	clock string
	run   func() *scripted
	do    func(*stage)
}{
	{"02-people", "10:31:39", func() *scripted { return initAt(2, "4 of 7", peoplePrompt()) }, func(s *stage) { s.keys("down", "down", "down", "down") }},
	{"03-hash", "10:36:11", func() *scripted { return initAt(4, "", hashPrompt()) }, func(s *stage) { s.keys(" ", " ", " ") }},
	{"03-hash-differs", "10:36:11", func() *scripted { return initAt(4, "", hashPrompt()) }, func(s *stage) { s.keys(" ", " ", " ", "x") }},
	{"04-hsm", "10:39:54", func() *scripted { return initAt(5, "", hsmPrompt()) }, nil},
	{"04-pin", "10:39:54", func() *scripted { return initAt(5, "", pinPrompt()) }, func(s *stage) { s.type_("1234") }},
	{"06-handover", "14:21:29", func() *scripted { return rekeyAt(8, "1 of 3", handPrompt()) }, func(s *stage) { s.keys("B", "O") }},
	{"07-share", "14:23:04", func() *scripted { return rekeyAt(8, "1 of 3", sharePrompt()) }, func(s *stage) {
		wrong := []byte(shareText[:59])
		wrong[45] = '1'
		s.type_(string(wrong))
	}},
	{"07-early", "14:23:04", func() *scripted { return rekeyAt(8, "1 of 3", sharePrompt()) }, func(s *stage) { s.tap.note(term.Note{Early: true}); s.drive() }},
	{"08-old-share", "14:24:40", func() *scripted { return rekeyAt(8, "1 of 3", oldSharePrompt()) }, nil},
	{"09-show", "11:04:21", func() *scripted { return initAt(11, "", showPrompt()) }, func(s *stage) {
		s.keys("down", "down", "down")
		s.clock.t = at("11:04:22").t
		s.Model.screen.(*showScreen).until = at("11:05:14").t
	}},
	{"09-qr", "11:04:21", func() *scripted { return initAt(11, "", qrPrompt()) }, nil},
	{"09-qr-hidden", "11:04:21", func() *scripted { return initAt(11, "", qrPrompt()) }, func(s *stage) {
		s.clock.advance(31 * time.Second)
		s.drive(tickMsg{})
	}},
	{"09-token", "11:04:21", func() *scripted { return initAt(14, "", tokenPrompt()) }, nil},
	{"10-confirm", "14:31:07", func() *scripted { return rekeyAt(9, "", confirmPrompt()) }, func(s *stage) { s.keys("R", "E", "K") }},
	{"14-stopped", "14:32:18", func() *scripted { return rekeyAt(10, "", stoppedPrompt()) }, nil},
	{"12-result", "14:44:09", func() *scripted { return rekeyAt(14, "", resultPrompt()) }, nil},
	{"20-read", "10:30:00", func() *scripted { return initAt(1, "", readPrompt()) }, nil},
	{"21-read-long", "10:30:00", func() *scripted { return initAt(4, "", longRead()) }, func(s *stage) { s.keys("pgdown", "down") }},
	{"16-receipt", "10:30:00", func() *scripted { return initAt(12, "0 of 5", receiptPrompt()) }, nil},
	{"17-long-people", "10:31:39", func() *scripted { return initAt(2, "4 of 7", longPeople()) }, func(s *stage) { s.keys("down") }},
	{"18-long-handover", "14:21:29", func() *scripted { return rekeyAt(8, "1 of 3", longHand()) }, nil},
	{"33-handover-again", "14:21:29", func() *scripted { return rekeyAt(5, "", triedHand()) }, nil},
	{"22-ask", "10:30:00", func() *scripted { return initAt(2, "", askPrompt()) }, func(s *stage) { s.keys("W", "i", "m") }},
	{"23-stop", "14:23:04", func() *scripted { return rekeyAt(8, "1 of 3", handPrompt()) }, func(s *stage) { s.keys("ctrl+c", "f", "i", "r", "e") }},
	{"24-blank", "14:23:04", func() *scripted { return rekeyAt(8, "1 of 3", sharePrompt()) }, func(s *stage) { s.tap.tell(term.KeyBlank); s.drive() }},
	{"25-locked", "14:21:33", func() *scripted { return rekeyAt(8, "1 of 3", sharePrompt()) }, func(s *stage) {
		s.type_("798114Z20C")
		s.clock.advance(91 * time.Second)
		s.drive(tickMsg{})
		s.keys("b")
	}},
	{"26-help", "14:24:40", func() *scripted { return rekeyAt(8, "1 of 3", oldSharePrompt()) }, func(s *stage) { s.keys("?") }},
	{"29-room", "10:36:00", func() *scripted { return initAt(4, "", roomPrompt()) }, func(s *stage) { s.write("Room 7, Basel", "") }},
	{"39-room-fault", "10:36:00", func() *scripted { return initAt(4, "", roomFault()) }, func(s *stage) { s.write("4A21 0C8E") }},
	{"56-token-terms", "11:10:00", func() *scripted { return initAt(14, "", termsPrompt()) }, func(s *stage) { s.keys("down") }},
	{"57-old-state-kept", "11:20:00", func() *scripted { return rekeyAt(12, "", keptPrompt()) }, nil},
	{"45-keeping", "11:24:00", func() *scripted { return initAt(16, "", keepPrompt()) }, func(s *stage) { s.keys("down", "down") }},
	{"46-old-shares", "11:24:00", func() *scripted { return rekeyAt(12, "", oldSharesPrompt()) }, func(s *stage) { s.keys("1", ",", " ", "2") }},
	{"40-files", "11:02:00", func() *scripted { return practiceAt(9, "5 of 5", filesPrompt()) }, nil},
	{"41-signing-key", "10:40:00", func() *scripted { return initAt(5, "", signingKeyPrompt()) }, nil},
	{"42-unsigned", "14:44:09", func() *scripted { return rekeyAt(14, "", unsignedPrompt()) }, nil},
	{"41-challenge", "11:02:00", func() *scripted { return rekeyAt(8, "0 of 5", challengePrompt()) }, func(s *stage) { s.type_("GHJK-MN") }},
	{"42-gpg", "11:02:00", func() *scripted { return rekeyAt(8, "0 of 5", challengePrompt()) }, func(s *stage) { s.ask() }},
	{"43-gpg-failed", "11:02:00", func() *scripted { return rekeyAt(8, "0 of 5", challengePrompt()) }, func(s *stage) {
		s.err = &gpg.Failure{Said: "gpg: decryption failed: No secret key"}
		s.ask()
		s.keys("enter")
	}},
	{"51-asides", "14:23:04", func() *scripted { return rekeyAt(8, "1 of 3", asidePrompt()) }, func(s *stage) {
		s.tap.tell(term.KeyNote)
		s.drive()
		s.keys("down", "enter")
	}},
	{"52-break", "14:31:30", func() *scripted { return rekeyAt(8, "2 of 3", breakPrompt()) }, func(s *stage) { s.write("lunch", "half past one", "") }},
	{"53-rest", "14:50:00", func() *scripted { return rekeyAt(8, "", restPrompt()) }, func(s *stage) { s.keys("O", "L") }},
	{"54-lacking", "14:31:30", func() *scripted { return rekeyAt(8, "", lackingPrompt()) }, nil},
	{"55-identity", "10:32:00", func() *scripted { return initAt(2, "7 here", identityPrompt()) }, func(s *stage) { s.write("Wim Waters", "Wim", "") }},
	{"27-end", "14:50:00", func() *scripted {
		r := rekeyAt(14, "", resultPrompt())
		r.outcome = ceremony.Outcome{Code: ceremony.CodeDone, Sentence: "The root key is replaced. The record is in 2026-11-23-KC-2026-019-rekey."}
		return r
	}, func(s *stage) { s.keys("enter") }},
	{"28-end-stopped", "14:50:00", func() *scripted { return rekeyAt(8, "", handPrompt()) }, func(s *stage) { s.keys("ctrl+c", "f", "i", "r", "e", ".", "enter") }},
}

func (s *stage) type_(text string) {
	s.tap.press(text)
	s.drive()
}

func TestPages(t *testing.T) {
	for _, size := range []struct{ w, h int }{{80, 24}, {120, 40}} {
		for _, p := range pages {
			name := fmt.Sprintf("%dx%d/%s", size.w, size.h, p.name)
			t.Run(name, func(t *testing.T) {
				s := newStage(t, p.run(), at(p.clock), term.PlainLook(true), size.w, size.h)
				if p.do != nil {
					p.do(s)
				}
				golden(t, name, s.View(), size.w, size.h)
			})
		}
	}
}

// Every page is exactly as high as the window and no wider, whatever the window
// is: Bubble Tea drops lines from the top of what is too high.
func TestPagesFit(t *testing.T) {
	for _, size := range []struct{ w, h int }{{1, 1}, {20, 5}, {39, 10}, {40, 6}, {56, 14}, {59, 30}, {60, 16}, {60, 20}, {70, 20}, {79, 24}, {80, 16}, {80, 23},
		{80, 24}, {99, 30}, {100, 29}, {100, 30}, {119, 40}, {120, 39}, {120, 40}, {200, 60}} {
		for _, p := range pages {
			for _, unicode := range []bool{true, false} {
				s := newStage(t, p.run(), at(p.clock), term.PlainLook(unicode), 80, 24)
				if p.do != nil {
					p.do(s)
				}
				s.drive(tea.WindowSizeMsg{Width: size.w, Height: size.h})
				rows := strings.Split(s.View(), "\n")
				if len(rows) != size.h {
					t.Errorf("%s at %dx%d: %d rows", p.name, size.w, size.h, len(rows))
				}
				for i, r := range rows {
					if got := width(r); got > size.w {
						t.Errorf("%s at %dx%d: row %d is %d columns wide: %q", p.name, size.w, size.h, i+1, got, r)
					}
				}
			}
		}
	}
}

func TestTooSmall(t *testing.T) {
	s := newStage(t, rekeyAt(8, "1 of 3", sharePrompt()), at("14:23:04"), term.PlainLook(true), 56, 14)
	golden(t, "56x14/15-too-small", s.View(), 56, 14)
	s = newStage(t, rekeyAt(8, "1 of 3", sharePrompt()), at("14:23:04"), term.PlainLook(true), 60, 20)
	golden(t, "60x20/07-share", s.View(), 60, 20)
	s = newStage(t, rekeyAt(8, "1 of 3", showPrompt()), at("14:23:04"), term.PlainLook(true), 60, 20)
	golden(t, "60x20/09-show", s.View(), 60, 20)
}
