SELECT cell_roi_id, len(dff) AS frames, (SELECT count(*) FROM ophys_timestamps) AS times
FROM dff_traces
WHERE len(dff) > (SELECT count(*) FROM ophys_timestamps)
