-- A window of 0.3 s has three bins of 0.1 s, though 0.3 / 0.1 is below 3 in floating point.
CASE WHEN bin_width > 0 AND floor((before + after) / bin_width + 1e-9) >= 1
     THEN floor((before + after) / bin_width + 1e-9)::BIGINT
     ELSE error('the window, before + after, has no whole bin')::BIGINT END
