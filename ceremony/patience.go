package ceremony

import (
	"fmt"
	"time"
)

// Patience is how long an HSM may take for a call before the people are told.
const Patience = 5 * time.Second

// NotAnswered says that the HSM is silent. Whoever pulls it out now may lose
// what it is doing.
func NotAnswered(waited time.Duration) string {
	return fmt.Sprintf("The HSM has not answered for %d s. It may still finish: leave it as it is.", int(waited.Seconds()))
}
