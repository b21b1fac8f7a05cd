import { describe as group, expect, test } from "vitest";
import { allOver, describe, drawLots, FileFault, fromLocal, readContests, readCsv, readDraft, readMembers, readUnits, small, toLocal, usual } from "../../src/console/draft.js";

const NOW = Date.UTC(2030, 0, 1);

group("files", () => {
  test("CSV is read with quotes, semicolons, a byte order mark and Windows' ends of line", () => {
    expect(readCsv('\uFEFFa;b\r\n1;"x;""y"""\r\n')).toEqual([{ a: "1", b: 'x;"y"' }]);
    expect(readCsv('a,b\n"two\nlines",2\n')).toEqual([{ a: "two\nlines", b: "2" }]);
  });

  test.each([
    ["", "empty"],
    ["a,b\n", "empty"],
    ["a,b\n1\n", "line"],
    ["a,b\n1,2,3\n", "line"],
  ])("a file that is none is refused: %j", (text, key) => {
    expect(() => readCsv(text)).toThrow(expect.objectContaining({ key }));
  });

  test("districts come from CSV and from JSON alike", () => {
    const csv = "id,parent,ky,ru,en,district\n1,,Өлкө,Страна,Country,0\n2,1,Түн,Север,North,1\n";
    const json = JSON.stringify([
      { id: 1, parent: null, ky: "Өлкө", ru: "Страна", en: "Country", district: false },
      { id: 2, parent: 1, ky: "Түн", ru: "Север", en: "North", district: true },
    ]);
    expect(readUnits(csv)).toEqual(readUnits(json));
    expect(readUnits(csv).map(({ district }) => district)).toEqual([false, true]);
  });

  test.each([
    ["id,ky\n1,a\n", "columns"],
    ["id,parent,ky,ru,en,district\nx,,a,b,c,1\n", "line"],
    ["id,parent,ky,ru,en,district\n1,y,a,b,c,1\n", "line"],
    ["[}", "json"],
    ["[]", "empty"],
    ["[1]", "line"],
  ])("wrong districts are refused: %j", (text, key) => {
    expect(() => readUnits(text)).toThrow(expect.objectContaining({ key }));
  });

  test("the options of a contest keep the file's order", () => {
    const head = "contest,maximum,title-ky,title-ru,title-en,ky,ru,en\n";
    const found = readContests(`${head}1,2,А,Б,H,x,x,x\n2,,В,Г,B,z,z,z\n1,2,А,Б,H,a,a,a\n`);
    expect(found.map(({ options }) => options.map(({ en }) => en))).toEqual([["x", "a"], ["z"]]);
    expect(found.map(({ maximum, minimum, region }) => [maximum, minimum, region])).toEqual([
      [2, 1, null],
      [1, 1, null],
    ]);
    expect(() => readContests(`${head}1,two,А,Б,H,x,x,x\n`)).toThrow(FileFault);
  });
});

group("members of a small election", () => {
  test("a list becomes a roll in which everybody has fourteen digits and one place", () => {
    const { roll, places, count } = readMembers('name,number\n"Асанова, Айда",7\nUsenov Bakyt,\n', [allOver()]);
    expect(count).toBe(2);
    expect(places).toBe("address,unit\nmembers,1\n");
    const rows = readCsv(roll);
    expect(rows.map((row) => row["number"])).toEqual(["00000000000007", "00000000000002"]);
    expect(rows.every((row) => row["address"] === "members" && row["surname"] !== "")).toBe(true);
  });

  test.each(["name,number\nA,1\nB,1\n", "name,number\nA,1\nB,00000000000001\n", "name,number\nA,x\n", "name,number\n,1\n", "given\nA\n"])(
    "two with one number, or nobody, are refused: %j",
    (text) => {
      expect(() => readMembers(text, [allOver()])).toThrow(FileFault);
    },
  );

  const towns = readUnits("id,parent,ky,ru,en,district\n1,,Баары,Все,All,0\n2,1,Бишкек,Бишкек,Bishkek,1\n3,1,Ош,Ош,Osh,1\n");

  test("an address leads to the unit whose name it begins with, and stays as it is", () => {
    const { roll, places } = readMembers('name,address\nA,"Ош, 1"\nB,\nC,Berlin\n', towns);
    expect(places).toBe("address,unit\nБишкек,2\nBishkek,2\nОш,3\nOsh,3\n");
    expect(readCsv(roll).map((row) => row["address"])).toEqual(["Ош, 1", "", "Berlin"]);
  });

  test("a name of two units leads to neither, and several units need addresses", () => {
    const twins = readUnits("id,parent,ky,ru,en,district\n1,,a,b,c,0\n2,1,Ош,Ош,Osh,1\n3,1,Ош,Ош,Osh 3,1\n");
    expect(readMembers("name,address\nA,Ош\n", twins).places).toBe("address,unit\nOsh,2\nOsh 3,3\n");
    expect(() => readMembers("name\nA\n", twins)).toThrow(expect.objectContaining({ key: "address" }));
  });

  test("five thousand fit and one more does not", () => {
    const text = (count: number): string => `name\n${Array.from({ length: count }, (_, at) => `Member ${at}`).join("\n")}\n`;
    expect(readMembers(text(5_000), [allOver()]).count).toBe(5_000);
    expect(() => readMembers(text(5_001), [allOver()])).toThrow(expect.objectContaining({ key: "many", line: 5_001 }));
  });
});

group("a saved draft", () => {
  test("comes back as it was saved", () => {
    const draft = usual(NOW);
    expect(readDraft(JSON.stringify(draft))).toEqual(draft);
  });

  test.each(["", "null", "[]", "{}", '{"kind":"real"}', JSON.stringify({ ...small(NOW), units: {} }), JSON.stringify({ ...small(NOW), threshold: "2" })])(
    "anything else is none: %j",
    (text) => {
      expect(readDraft(text)).toBeNull();
    },
  );
});

group("times and policies", () => {
  test("hours are Bishkek's, whatever the browser's clock thinks", () => {
    expect(fromLocal("2030-03-01T08:00")).toBe(Date.UTC(2030, 2, 1, 2));
    expect(toLocal(fromLocal("2030-03-01T08:00"))).toBe("2030-03-01T08:00");
    expect(Number.isNaN(fromLocal("tomorrow"))).toBe(true);
  });

  test.each([usual, small])("a preset's times rise as the manifest demands", (preset) => {
    const found = describe(preset(NOW), NOW) as Record<string, number> & { round_deadlines_ms: number[] };
    const rounds = found.round_deadlines_ms;
    expect([...rounds].sort((left, right) => left - right)).toEqual(rounds);
    expect(rounds.at(-1)).toBeLessThan(found["opens_at_ms"]!);
    expect(found["opens_at_ms"]).toBeLessThan(found["closes_at_ms"]!);
    expect(found["settle_ms"]).toBeGreaterThanOrEqual(3 * found["interval_ms"]!);
    expect(found["release_by_ms"]).toBeGreaterThan(found["closes_at_ms"]! + found["grace_ms"]! + found["dispute_ms"]!);
  });

  test("nonsense becomes zero, which the checks refuse, never NaN", () => {
    const found = describe({ ...small(NOW), opens: "", interval_s: Number.NaN }, NOW) as Record<string, number>;
    expect([found["opens_at_ms"], found["interval_ms"]]).toEqual([0, 0]);
  });
});

group("lots", () => {
  test("every order of three comes up", () => {
    const orders = new Set(Array.from({ length: 400 }, () => drawLots(["a", "b", "c"]).join("")));
    expect([...orders].sort()).toEqual(["abc", "acb", "bac", "bca", "cab", "cba"]);
  });

  test("the draw is the one that the random numbers say, and loses nobody", () => {
    expect(drawLots([1, 2, 3, 4], () => 0)).toEqual([2, 3, 4, 1]);
    expect(drawLots([])).toEqual([]);
  });
});
