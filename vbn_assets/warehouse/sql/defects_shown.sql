-- A defect belongs to the files of the releases it names. A file is of the release that is shown, if that has it, whichever
-- it was once taken from, and else of that one. Releases are compared number by number: 0.10.0 comes after 0.9.0.
SELECT
    known.defect, known.table_name, known.column_name,
    shown.kind, shown.id, shown.release,
    known.id AS session_id, known.description, known.source, known.remedy
FROM {schema}.known_defects AS known
JOIN (
    SELECT * REPLACE (CASE WHEN in_step THEN {release} ELSE release END AS release) FROM {schema}.warehouse_files
) AS shown
    ON shown.table_name = known.table_name
    AND (
        known.id IS NULL
        OR shown.kind = 'metadata'
        OR (known.kind = shown.kind AND known.id::VARCHAR = shown.id)
    )
    AND (known.first_release IS NULL OR string_split(regexp_extract(shown.release, '^[0-9.]+'), '.')::INTEGER[] >= string_split(regexp_extract(known.first_release, '^[0-9.]+'), '.')::INTEGER[])
    AND (known.last_release IS NULL OR string_split(regexp_extract(shown.release, '^[0-9.]+'), '.')::INTEGER[] <= string_split(regexp_extract(known.last_release, '^[0-9.]+'), '.')::INTEGER[])
