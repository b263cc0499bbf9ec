package main

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

const envPrefix = "SPIKERAY_"

// answering lists the flags that change an answer. A command that answers pictures either has such a flag or refuses to
// run when the flag's environment variable is set.
var answering = []string{"threshold", "operating-point", "steps", "prevalence", "gate", "bits", "calibration"}

// strict refuses what would otherwise be ignored silently: a single-valued flag given twice, an environment variable that
// no command knows, a variable of [answering] that this command does not use, and a board flag without a board.
func strict(parsed *kong.Context, environment []string) error {
	for flag, times := range occurrences(parsed) {
		if times > 1 && !flag.IsCumulative() {
			return fmt.Errorf("--%s is given %d times, expected once", flag.Name, times)
		}
	}
	known := variables(parsed.Model)
	own := map[string]bool{}
	for _, flag := range parsed.Flags() {
		own[flag.Name] = true
	}
	command := parsed.Selected().Name
	for _, variable := range slices.Sorted(slices.Values(environment)) {
		name, value, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(strings.ToUpper(name), envPrefix) || foreign(name, value) {
			continue
		}
		if !known[name] {
			return fmt.Errorf("unknown environment variable %s; did you mean %s?", name, nearest(strings.ToUpper(name), slices.Sorted(maps.Keys(known))))
		}
		flag := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, envPrefix), "_", "-"))
		if own["gate"] && slices.Contains(answering, flag) && !own[flag] {
			hint := ""
			if command == "serve" {
				hint = fmt.Sprintf("; a request can set it with ?%s=", strings.ReplaceAll(flag, "-", "_"))
			}
			return fmt.Errorf("the environment variable %s is set, but %s has no --%s%s", name, command, flag, hint)
		}
	}
	if own["board"] {
		given := givenFlags(parsed)
		for _, name := range slices.Sorted(maps.Keys(given)) {
			if strings.HasPrefix(name, "board-") && given["board"] == "" {
				return fmt.Errorf("%s needs --board", given[name])
			}
		}
	}
	return nil
}

// variables are those that some command takes.
func variables(app *kong.Application) map[string]bool {
	known := map[string]bool{}
	for _, node := range app.Leaves(false) {
		for _, flags := range node.AllFlags(false) {
			for _, flag := range flags {
				for _, name := range flag.Envs {
					known[name] = true
				}
			}
		}
	}
	return known
}

func occurrences(parsed *kong.Context) map[*kong.Flag]int {
	times := map[*kong.Flag]int{}
	for _, p := range parsed.Path {
		if p.Flag != nil && !p.Resolved {
			times[p.Flag]++
		}
	}
	return times
}

// givenFlags are the flags that the command line or the environment sets, each with the words that do.
func givenFlags(parsed *kong.Context) map[string]string {
	given := map[string]string{}
	for _, flag := range parsed.Flags() {
		for _, name := range flag.Envs {
			if os.Getenv(name) != "" {
				given[flag.Name] = name
			}
		}
	}
	for flag := range occurrences(parsed) {
		given[flag.Name] = "--" + flag.Name
	}
	return given
}

// ofTests are variables that the project's tests and scripts read, and the program does not.
var ofTests = regexp.MustCompile(`^SPIKERAY_(BIN|SCRATCH|GOLDEN|SPINNMAN|LAVA_CASES|[A-Z]+_PYTHON|TEST_[A-Z_]+)$`)

// serviceLink is what Kubernetes, and Docker before it, set for a service whose name begins with spikeray.
var serviceLink = regexp.MustCompile(`^SPIKERAY_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// foreign tells whether a variable is not meant for the program.
func foreign(name, value string) bool {
	if ofTests.MatchString(name) {
		return true
	}
	// A person who writes SPIKERAY_PORT=9000 means the program.
	return serviceLink.MatchString(name) && (os.Getenv("KUBERNETES_SERVICE_HOST") != "" || strings.Contains(value, "://")) &&
		(!strings.HasSuffix(name, "_PORT") || strings.HasSuffix(name, "_SERVICE_PORT") || strings.Contains(value, "://"))
}

// nearest is the one of some words that takes the fewest letters changed, put in or left out.
func nearest(word string, words []string) string {
	return slices.MinFunc(words, func(a, b string) int { return distance(word, a) - distance(word, b) })
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
