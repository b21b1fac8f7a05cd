// Reader reads a log over HTTP with nothing but Go's own packages for signed notes and transparency logs.
//
// usage: reader URL LOG-VKEY WITNESS-VKEY...
//
// It verifies the checkpoint's signature, every witness's cosignature, every entry against its tile, an inclusion proof
// of every entry and a consistency proof from every tenth size, and prints one JSON object.
package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// witness verifies cosignature/v1 lines (key type 0x04), which package note does not know.
type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func newWitness(vkey string) witness {
	parts := strings.SplitN(vkey, "+", 3)
	material, err := base64.StdEncoding.DecodeString(parts[2])
	check(err)
	if len(material) != 33 || material[0] != 4 {
		log.Fatal("not the key of a witness")
	}
	hash, err := strconv.ParseUint(parts[1], 16, 32)
	check(err)
	return witness{parts[0], uint32(hash), ed25519.PublicKey(material[1:])}
}

func (w witness) Name() string    { return w.name }
func (w witness) KeyHash() uint32 { return w.hash }
func (w witness) Verify(text, signature []byte) bool {
	if len(signature) != 72 {
		return false
	}
	time := binary.BigEndian.Uint64(signature[:8])
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", time, text)
	return time != 0 && ed25519.Verify(w.key, []byte(signed), signature[8:])
}

// reader fetches tiles as package tlog names them; the log's paths have no height.
type reader struct{ prefix string }

func (r reader) Height() int                     { return 8 }
func (r reader) SaveTiles([]tlog.Tile, [][]byte) {}
func (r reader) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range tiles {
		data = append(data, fetch(r.prefix+"/"+strings.Replace(tile.Path(), "tile/8/", "tile/", 1)))
	}
	return data, nil
}

func fetch(url string) []byte {
	answer, err := http.Get(url)
	check(err)
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		log.Fatalf("%s: %s", url, answer.Status)
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, 1<<25))
	check(err)
	return data
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	prefix := os.Args[1]
	logKey, err := note.NewVerifier(os.Args[2])
	check(err)
	verifiers := []note.Verifier{logKey}
	for _, vkey := range os.Args[3:] {
		verifiers = append(verifiers, newWitness(vkey))
	}
	signed, err := note.Open(fetch(prefix+"/checkpoint"), note.VerifierList(verifiers...))
	check(err)
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[0] != logKey.Name() {
		log.Fatal("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	tree := tlog.Tree{N: size, Hash: root}
	hashes := tlog.TileHashReader(tree, reader{prefix})
	for index := int64(0); index < size; {
		tile := tlog.Tile{H: 8, L: -1, N: index / 256, W: int(min(256, size-index/256*256))}
		bundle := fetch(prefix + "/" + strings.Replace(tile.Path(), "tile/8/data", "tile/entries", 1))
		for len(bundle) > 0 {
			length := int(binary.BigEndian.Uint16(bundle))
			entry := bundle[2 : 2+length]
			bundle = bundle[2+length:]
			proof, err := tlog.ProveRecord(size, index, hashes)
			check(err)
			check(tlog.CheckRecord(proof, size, root, index, tlog.RecordHash(entry)))
			index++
		}
	}
	for old := int64(1); old < size; old += 10 {
		before, err := tlog.TreeHash(old, hashes)
		check(err)
		proof, err := tlog.ProveTree(size, old, hashes)
		check(err)
		check(tlog.CheckTree(proof, size, root, old, before))
	}
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{"size": size, "signatures": len(signed.Sigs)}))
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}
