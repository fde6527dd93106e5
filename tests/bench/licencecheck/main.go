// Prints for each path of standard input, one a line, what google/licensecheck finds in it, as JSON of one line.
package main

import (
	"bufio"
	"encoding/json"
	"os"

	"github.com/google/licensecheck"
)

type match struct {
	ID    string `json:"id"`
	IsURL bool   `json:"is_url"`
	Start int    `json:"start"`
	End   int    `json:"end"`
}

type answer struct {
	Path    string  `json:"path"`
	Percent float64 `json:"percent"`
	Matches []match `json:"matches"`
}

func main() {
	out := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		text, err := os.ReadFile(lines.Text())
		if err != nil {
			panic(err)
		}
		coverage := licensecheck.Scan(text)
		result := answer{Path: lines.Text(), Percent: coverage.Percent, Matches: []match{}}
		for _, m := range coverage.Match {
			result.Matches = append(result.Matches, match{m.ID, m.IsURL, m.Start, m.End})
		}
		if err := out.Encode(result); err != nil {
			panic(err)
		}
	}
}
