import { describe, expect, test } from "vitest";
import { readBlock } from "../../src/console/founding.js";
import { settingsFile } from "../../src/console/road.js";
import { readVersion, slipsAsCsv } from "../../src/console/roll.js";

const VERSION = { use: "roll", format: "csv", content: "a\n", places: "b\n", signer: "00", signature: "11" };

describe("files of the identity side", () => {
  test("a signed version is what the registrar's program wrote", () => {
    expect(readVersion(JSON.stringify(VERSION))).toEqual(VERSION);
  });

  test.each(["", "null", "7", "{}", JSON.stringify({ ...VERSION, use: "other" }), JSON.stringify({ ...VERSION, signature: 1 })])("no version: %j", (text) => {
    expect(readVersion(text)).toBeNull();
  });

  test.each(["", "{}", '{"entries": []}', '{"entries": [7]}', '{"entries": ["hAEA"]}', '{"entries": ["%%"]}'])("no block 0: %j", (text) => {
    expect(readBlock(text)).toBeNull();
  });

  test("slips become a table in which a name with a comma stays one field", () => {
    expect(slipsAsCsv([{ number: "1", name: 'A, "B"', code: "2345" }])).toBe('number,name,code\n1,"A, ""B""",2345\n');
  });

  test("the manifest hash is left to the registrar", () => {
    expect(settingsFile("https://id.example", "https://vote.example", ["ab"])).toBe(
      'identity = "https://id.example"\nballot = "https://vote.example"\nmanifest_hash = ""\nroll = "roll.csv"\nplaces = "places.csv"\ncode_issuers = ["ab"]\n',
    );
  });
});
