-- A toolset is its name, its versions and the rule by which a module gets one of them. Its archives are rows of their own
-- now: more may be added, for other hosts, and where they come from is no part of a toolset; but the SHA-256 of one that is
-- known never changes.
CREATE TABLE toolset_archives (
    toolset   text NOT NULL REFERENCES toolsets (name),
    kind      text NOT NULL CHECK (kind IN ('go', 'zig')),
    version   text NOT NULL CHECK (version <> ''),
    host_arch text NOT NULL CHECK (host_arch <> ''),
    sha256    sha256_hex NOT NULL,
    PRIMARY KEY (toolset, kind, version, host_arch)
);

-- Until now they stood in the toolset's content, so that one more of them, or another mirror, made every recipe another one.
INSERT INTO toolset_archives (toolset, kind, version, host_arch, sha256)
SELECT t.name, a[1], a[2], a[3], a[4]
FROM toolsets t,
     regexp_matches(t.content,
                    E'archive \\d+:(go|zig)\nversion \\d+:([^\n]+)\nhost_arch \\d+:([^\n]+)\nsource \\d+:[^\n]*\n'
                    'locator \\d+:[^\n]*\nsha256 \\d+:([0-9a-f]{64})\n', 'g') AS a
ON CONFLICT DO NOTHING;

UPDATE toolsets
SET content = regexp_replace(content,
                             E'archive \\d+:[^\n]*\nversion \\d+:[^\n]*\nhost_arch \\d+:[^\n]*\nsource \\d+:[^\n]*\n'
                             'locator \\d+:[^\n]*\nsha256 \\d+:[^\n]*\n', '', 'g')
              || E'rule 32:first go that the go line allows\n';
UPDATE toolsets SET digest = encode(sha256(convert_to(content, 'UTF8')), 'hex');
