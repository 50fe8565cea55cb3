SELECT released.count AS in_units_csv, file.count AS in_file
FROM (SELECT count(*) AS count FROM released_units WHERE ecephys_session_id = getvariable('session')) AS released,
     (SELECT count(*) AS count FROM session_units) AS file
WHERE released.count <> file.count
