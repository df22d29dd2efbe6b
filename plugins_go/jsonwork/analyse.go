// Purpose: the work itself, plain Go that knows nothing of C.
// Exports: nothing.
// Used by: main.go.
package main

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"unicode"
)

// Document is one element of the input.
type Document struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// Count is a word, in lower case, and how often it occurs.
type Count struct {
	Word  string `json:"word"`
	Count int    `json:"count"`
}

// Statistics is the output; Counts: most frequent first, then by the alphabet.
type Statistics struct {
	Documents int            `json:"documents"`
	Words     int            `json:"words"`
	Lengths   map[string]int `json:"lengths"` // words per document, by its id
	Counts    []Count        `json:"counts"`
}

// analyse counts the words of all documents.
func analyse(input []byte) ([]byte, error) {
	var documents []Document
	if err := json.Unmarshal(input, &documents); err != nil {
		return nil, fmt.Errorf("cannot read the documents: %w", err)
	}
	notLetter := func(r rune) bool { return !unicode.IsLetter(r) }
	counts := map[string]int{}
	stats := Statistics{Documents: len(documents), Lengths: map[string]int{}, Counts: []Count{}}
	for _, document := range documents {
		words := strings.FieldsFunc(strings.ToLower(document.Text), notLetter)
		for _, word := range words {
			counts[word]++
		}
		stats.Words += len(words)
		stats.Lengths[document.ID] += len(words)
	}
	for word, count := range counts {
		stats.Counts = append(stats.Counts, Count{word, count})
	}
	sort.Slice(stats.Counts, func(i, j int) bool {
		a, b := stats.Counts[i], stats.Counts[j]
		return a.Count > b.Count || a.Count == b.Count && a.Word < b.Word
	})
	return json.Marshal(stats)
}
