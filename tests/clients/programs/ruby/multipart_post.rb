# The gem multipart-post.
require_relative "decisions"
require "net/http/post/multipart"

run do |files|
  form = files.to_h { |name, path| [name, UploadIO.new(path, "text/plain")] }
  Net::HTTP::Post::Multipart.new(ADDRESS.request_uri, form)
end
