-- Each release beside the one before: a file is recognised by what it is about (kind, name), never by its key.
WITH steps AS (
    SELECT *, lag(release) OVER (ORDER BY release_order) AS previous_release
    FROM release_facts
),
now_and_before AS (
    SELECT steps.release, now.key, now.file_hash, before.key AS key_before, before.file_hash AS hash_before
    FROM steps
    JOIN {schema}.release_files AS now ON now.release = steps.release
    LEFT JOIN {schema}.release_files AS before
        ON before.release = steps.previous_release AND before.kind = now.kind AND before.name = now.name
    UNION ALL
    SELECT steps.release, NULL, NULL, before.key, before.file_hash
    FROM steps
    JOIN {schema}.release_files AS before ON before.release = steps.previous_release
    ANTI JOIN {schema}.release_files AS now
        ON now.release = steps.release AND now.kind = before.kind AND now.name = before.name
)
SELECT
    steps.release,
    steps.release_order,
    steps.is_current,
    steps.previous_release,
    steps.manifest,
    steps.manifest_hash,
    steps.allensdk_version,
    count(key) AS files,
    count(*) FILTER (key_before IS NULL AND key IS NOT NULL) AS added,
    count(*) FILTER (key IS NULL AND key_before IS NOT NULL) AS removed,
    count(*) FILTER (file_hash <> hash_before) AS changed,
    count(*) FILTER (file_hash = hash_before AND key <> key_before) AS moved,
    count(*) FILTER (file_hash = hash_before AND key = key_before) AS unchanged,
    steps.held_sessions
FROM steps
LEFT JOIN now_and_before USING (release)
GROUP BY ALL
ORDER BY release_order
