package custodian

// Role is what a person does in a ceremony.
type Role string

// The roles.
const (
	Operator  Role = "operator"
	Witness   Role = "witness"
	Custodian Role = "custodian"
	PINHolder Role = "pin holder" // types a part of the token's PIN
	Auditor   Role = "auditor"    // sees everything, does nothing
	Approver  Role = "approver"   // signs the plan before the day
	Room      Role = "room"       // everybody present
	Program   Role = "program"    // the program works; nobody types
)

// Person is somebody in the room.
type Person struct {
	Name         string
	Role         Role
	Number       int // a custodian's place in the plan, and share number, from 1
	Organisation string
	ReportsTo    string // whom they answer to, where a plan says it
	Site         string // where a custodian keeps the share, where a plan says it
}
