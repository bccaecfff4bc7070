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
