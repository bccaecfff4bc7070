package ui

import "conclave/ceremony"

// The pages of the time after a ceremony.

func keepPrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.Form, StepID: "keep", Title: "Keeping", By: olga, Heading: "Olga Example: where is all this kept, and until when?",
		Text: []string{"An empty line is recorded as not stated. Copies: who takes one home, with commas. " +
			"For the keys of a CA the record is kept until two years after the key is destroyed, at least."},
		Fields: []ceremony.Field{{ID: "envelopes", Label: "share envelopes", Default: "each with its custodian, bags B-0041 to B-0045"}, {ID: "medium", Label: "second medium"},
			{ID: "device", Label: "HSM and PIN"}, {ID: "copies", Label: "record copies"}, {ID: "class", Label: "kept as", Default: "7 years, by the plan"},
			{ID: "until", Label: "kept until", Default: "2033-11-24"}, {ID: "drill", Label: "next drill", Default: "2027-11-24"}},
		Recorded: "every line."}
}

func oldSharesPrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.Ask, StepID: "old-shares", Title: "Old shares", By: olga, Heading: "Olga Example: collect the old shares, paper and files",
		Field: "numbers of those that lie here", Default: "none",
		Facts: []ceremony.Fact{{Label: "old shares", Value: "5, by the vault's own count"},
			{Label: "of", Value: "1 (Alice Adams), 2 (Bob Baker), 3 (Carol Chen), 4 (Dora Dean), 5 (Erik Esser)"}},
		Text: []string{"Each holder says which is the share that was replaced today: the list of the records only counts. " +
			"Type the numbers, all, or none. What is not here is recorded as alive: it works on any older copy of the storage."},
		Recorded: "which were collected, and which are missing."}
}

func termsPrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.Form, StepID: "token", Title: "Root token", By: olga, Heading: "Olga Example: what is the root token made for, and by when is it revoked?",
		Facts: []ceremony.Fact{{Label: "received by", Value: "Olga Example"}},
		Text: []string{"It may do everything, never expires by itself, and no log of a server shows how it was made: this record is the only one. " +
			"Until it is revoked, conclave status says that it is due."},
		Fields:   []ceremony.Field{{ID: "for", Label: "made for", Default: "to set up the new vault"}, {ID: "spent", Label: "revoked by", Default: "2026-12-02"}},
		Recorded: "both lines, with the token's accessor."}
}

func keptPrompt() ceremony.Prompt {
	return ceremony.Prompt{Kind: ceremony.Form, StepID: "rollback", Title: "Old state", By: olga, Heading: "Olga Example: why is the old state kept, where, and until when?",
		Problem: &ceremony.Problem{Happened: "The old state is kept, and nobody said where, by whom.", State: "Nothing was recorded.", Do: "Type it in a few words.", Field: "keeper"},
		Facts:   []ceremony.Fact{{Label: "lies in", Value: "/srv/payments/.conclave/rollback/KC-2026-017"}},
		Text: []string{"Whoever has it and the old shares has a quorum of the old state. Where: the disk or machine, and who looks after it. " +
			"Every later start says that it is there, and the next ceremony asks again."},
		Fields:   []ceremony.Field{{ID: "why", Label: "why", Default: "the server has not run yet"}, {ID: "keeper", Label: "where, by whom"}, {ID: "till", Label: "until", Default: "2026-12-02"}},
		Recorded: "the three lines, and the path: an open item."}
}
